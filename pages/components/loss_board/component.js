// The loss board as a component of Streamlit.

import { Board } from "./board.js";

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  let board = parentElement.hierapp;
  if (!board) board = parentElement.hierapp = new Board(parentElement.querySelector(".board"));
  board.send = (moves) => setStateValue("moves", moves);
  board.attach();
  board.show(data);
  return () => board.detach();
}
