"""The log of a thread, and what a process in the background leaves in it."""

import threading

from hierapp.errors import DatasetError
from hierapp.utils.own_log import exit_code, log_into, say


def test_a_thread_writes_into_its_own_file(tmp_path, capsys):
    def work() -> None:
        with log_into(tmp_path / "folder" / "log.txt"):
            say("in the thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    say("outside")
    assert (tmp_path / "folder" / "log.txt").read_text().endswith(" in the thread\n")
    assert capsys.readouterr().out.endswith(" outside\n")


def test_a_failure_is_one_line_of_the_log_and_an_exit_code(capsys):
    def fail() -> None:
        raise DatasetError("The file is broken; import another.")

    assert exit_code(fail) == 2
    assert capsys.readouterr().out == "The file is broken; import another.\n"
    assert exit_code(lambda: "anything") == 0
