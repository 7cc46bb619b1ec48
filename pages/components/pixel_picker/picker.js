// A click on the picture chooses the pixel below the pointer.

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const image = parentElement.querySelector("img");
  const frame = parentElement.querySelector(".chosen");
  const [width, height] = data.size;
  if (image.src !== data.image) image.src = data.image;
  image.alt = data.alt;
  frame.style.left = `${(100 * (data.place[0] + 0.5)) / width}%`;
  frame.style.top = `${(100 * (data.place[1] + 0.5)) / height}%`;
  frame.style.width = `${100 / width}%`;
  frame.style.height = `${100 / height}%`;
  image.onclick = (event) => {
    const box = image.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * height);
    setTriggerValue("picked", [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)]);
  };
}
