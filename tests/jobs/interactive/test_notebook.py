"""Progress in a notebook: what a stand-in for IPython is given to show."""

import sys
from types import ModuleType, SimpleNamespace

import jobs
from jobs.interactive import notebook
from jobs.runs.heartbeat import Status
from jobs.runs.spec import FinishedRun
from jobs.runs.task_progress import TaskProgress
from jobs.runs.watch import Look

NOW = "2026-01-01T00:00:00+00:00"


class Kernel(ModuleType):
    """As much of IPython as a notebook has."""

    def __init__(self):
        super().__init__("IPython")
        self.shown = []
        self.display = ModuleType("IPython.display")
        self.display.display = self._display

    def get_ipython(self):
        return SimpleNamespace(kernel=True)

    def _display(self, html, display_id):
        assert html._repr_html_() == ""
        assert display_id is True
        return SimpleNamespace(update=lambda html: self.shown.append(html._repr_html_()))


def test_progress_of_a_run_ends_with_what_it_gave(truth, chain, monkeypatch):
    kernel = Kernel()
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", kernel.display)
    run = jobs.open_run(chain.pca, lake=truth.root)
    run.progress()
    assert f"<b>{chain.pca}</b> <progress value='1.000' max='1'></progress> done" in kernel.shown[0]
    assert kernel.shown[-1] == run._repr_html_()


def test_progress_elsewhere_is_a_bar_or_lines(truth, chain, capsys):
    jobs.open_run(chain.pca, lake=truth.root).progress()
    assert chain.pca in capsys.readouterr().err


def test_terminal_of_ipython_is_no_notebook(monkeypatch):
    kernel = Kernel()
    kernel.get_ipython = SimpleNamespace
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    assert notebook.display() is None


def test_bar_says_what_is_done_and_how_long_the_rest_takes():
    status = Status("running", NOW, stage="score", tasks_done=3, tasks=12, seconds_left=8.6)
    text = notebook.bar("pca-1", Look(status, None, None))
    assert "value='0.250'" in text
    assert "running, score, 3/12, 9 s left" in text
    training = TaskProgress("train", 50, 100, "steps", 10.0, 5.0, "loss < 1")
    text = notebook.bar("embed-1", Look(status, None, training))
    assert "value='0.500'" in text
    assert "loss &lt; 1" in text
    assert "queued" in notebook.bar("pca-1", Look(None, None, None))
    finished = FinishedRun("pca-1", (), 1.0, NOW)
    assert "value='1.000'" in notebook.bar("pca-1", Look(status, finished, None))
