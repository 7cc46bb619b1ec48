"""The one way by which pages change anything: each action asks first whether the person may.

What a browser sends is not to be trusted: a button that was never shown can be pressed by a forged message, and an id
in it can be anybody's run. So the pages ask here at every change; which buttons they show is a courtesy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hierapp import execution
from hierapp.access.permissions import COUNTING, Rules
from hierapp.access.search_actions import SearchActions
from hierapp.data import Dataset, download, registry as datasets
from hierapp.data.imports import finalize, job as import_job
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.errors import AccessError
from hierapp.execution import settings, slots
from hierapp.lab import saved_views
from hierapp.lab.saved_views import SavedView
from hierapp.lab.views import State
from hierapp.reproduction import timing
from hierapp.reproduction.presets import SizeName
from hierapp.runs import Run, data_deletion
from hierapp.runs.notes import put as put_note
from hierapp.runs.store import Place
from hierapp.runs.tags import put as put_tags
from hierapp.similarities import Similarity, embeddings, library as similarity_library
from hierapp.similarities.library import SimilarityEntry
from hierapp.training import RunConfig, models
from hierapp.trees import LabelTree, library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.trees.library import TreeEntry

BACKWARDS: tuple[Place, ...] = ("later", "last")  # what costs nobody else their turn


class Actions(Rules):
    """What a person does to a store and to what is kept beside it.

    Args:
        store: the runs.
        person: who asks, as they are now: make a new one for each run of a page's script.

    Raises:
        AccessError: from every action that the person may not do; nothing is changed then.
    """

    @property
    def searches(self) -> SearchActions:
        """What they do to searches."""
        return SearchActions(self.store, self.person)

    # Runs

    def launch(self, configs: Sequence[RunConfig], tree: LabelTree, priority: int = 0) -> list[str]:
        """Queue runs that are theirs; their ids in order. Raises what `execution.submit` does, too."""
        self._need_runner("start runs")
        if priority > 0:
            self.need_admin("put runs before those of others")
        if any(models.is_own(config.model) for config in configs):
            self.need_admin("run code of their own as a model")
        self._check_epochs(max((config.epochs for config in configs), default=0))
        with COUNTING:
            self.need_room(len(configs))
            return execution.submit(self.store, configs, tree, owner=self.person.email, priority=priority)

    def cancel(self, run: str) -> Run:
        """Cancel a waiting run, ask a running one to stop."""
        self._own(run, "cancel")
        return self.store.request_cancel(run)

    def resume(self, run: str) -> None:
        """Queue an ended run again, to go on where it stopped."""
        found = self._own(run, "resume")
        self._check_epochs(found.config.epochs)
        with COUNTING:
            self.need_room(1)
            execution.resume(self.store, run)

    def hold(self, run: str) -> None:
        """Keep a waiting run from starting."""
        self._own(run, "hold")
        self.store.hold(run)

    def release(self, run: str) -> None:
        """Let a held run start when its turn comes."""
        self._own(run, "release")
        self.store.release(run)

    def move(self, run: str, where: Place) -> None:
        """Give a waiting run another place in the queue; a runner may let others pass, and not pass them."""
        self._own(run, "move")
        if where not in BACKWARDS:
            self.need_admin("put runs before those of others")
        self.store.move(run, where)

    def tag(self, run: str, words: Sequence[str]) -> None:
        """Give a run these tags."""
        self._own(run, "tag")
        put_tags(self.store, run, words)

    def note(self, run: str, text: str) -> None:
        """Write a note beside a run."""
        self._own(run, "write beside")
        put_note(self.store, run, text)

    def time_losses(self, size: SizeName, data: str) -> None:
        """Begin to time the loop and the tensors of the paper's appendix A."""
        self._need_runner("time the losses")
        timing.start(size, data)

    def set_slots(self, kind: str, count: int) -> None:
        """Set how many runs go at once on one device of a kind."""
        self.need_admin("say how many runs go at once")
        slots.set_slots(self.store, kind, count)

    def choose_launcher(self, value: str) -> None:
        """Choose where runs go; see `launchers.choice.choose`."""
        self.need_admin("choose where runs go")
        settings.choose(self.store, value)

    def set_retries(self, count: int) -> None:
        """Set how often an interrupted run is resumed by itself."""
        self.need_admin("say how often runs are resumed by themselves")
        settings.set_retries(self.store, count)

    # Trees, similarities, drafts, data sets

    def check_upload(self, size: int) -> None:
        """Refuse an upload of so many bytes if it is not theirs to make, or too large."""
        self._need_runner("upload files")
        most = self.person.limits.upload_mb
        if most is not None and size > most * 1e6:
            raise AccessError(
                f"The file has {size / 1e6:.2f} MB, and {most:g} MB are allowed here; take a smaller one."
            )

    def keep_tree(
        self, tree: LabelTree, name: str, title: str = "", description: str = "", data: str | None = None
    ) -> TreeEntry:
        """Keep a tree under a name, or the name with a number where it is taken; see `tree_library.keep`."""
        self._need_runner("keep trees")
        return tree_library.keep(tree, name, title, description, data, self.person.email)

    def save_tree(self, tree: LabelTree, name: str, title: str = "", data: str | None = None) -> TreeEntry:
        """Keep a tree in the place of their own of that name; somebody else's stays, as one that ships does."""
        self._need_runner("keep trees")
        there = tree_library.own(tree_library.stem_of(name))
        if there is not None and not self.may_change(there.owner):
            return tree_library.keep(tree, name, title, data=data, owner=self.person.email)
        owner = there.owner if there is not None else self.person.email
        return tree_library.save(tree, name, title, data=data, owner=owner)

    def delete_tree(self, name: str) -> None:
        """Delete a tree of theirs; it stays among its name's versions."""
        self._need_runner("delete trees")
        there = tree_library.own(name)
        if not self.may_change(there.owner if there else None):
            raise AccessError(f"The tree {name!r} is not yours; ask its owner or an admin to delete it.")
        tree_library.delete(name)

    def keep_similarity(
        self,
        similarity: Similarity,
        name: str,
        title: str = "",
        description: str = "",
        data: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> SimilarityEntry:
        """Keep a similarity under a name, or that with a number where it is taken; see `similarity_library.keep`."""
        self._need_runner("keep similarities")
        return similarity_library.keep(similarity, name, title, description, data, self.person.email, more)

    def keep_names(self, data: str, prompt: str = embeddings.PLAIN) -> SimilarityEntry:
        """Compute the similarity of a data set's class names by the packaged model, and keep it; takes seconds."""
        self._need_runner("compute similarities")
        entry = datasets.find(data)
        found = embeddings.of_names(entry.class_names, prompt=prompt)
        about = embeddings.about(data, entry.title, prompt=prompt)
        title, description = about.pop("title"), about.pop("description")
        return self.keep_similarity(found, f"{data}-names", title, description, data, about)

    def delete_similarity(self, name: str) -> None:
        """Delete a similarity of theirs; runs that used it keep it."""
        self._need_runner("delete similarities")
        there = similarity_library.own(name)
        if not self.may_change(there.owner if there else None):
            raise AccessError(f"The similarity {name!r} is not yours; ask its owner or an admin to delete it.")
        similarity_library.delete(name)

    def begin_draft(self, tree: LabelTree, title: str, data: str | None = None) -> Draft:
        """Start a draft of a tree."""
        self._need_runner("draw trees")
        return Draft.begin(tree, title, data)

    def edit_draft(self, draft: Draft, edits: Sequence[Mapping[str, Any]]) -> str:
        """Edit a draft, which belongs to whoever has its address; returns what `Draft.ask` does."""
        self._need_runner("draw trees")
        return draft.ask(edits)

    def save_view(self, state: State, name: str) -> SavedView:
        """Keep a view of the Loss lab under a name, or the name with a number where it is taken."""
        self._need_runner("save views")
        return saved_views.keep(state, name)

    def get_data(self, name: str) -> None:
        """Begin to download a data set of the catalogue."""
        self._need_runner("get data sets")
        download.start(name)

    def import_upload(self, upload: bytes | memoryview, shown: str, options: Options) -> str:
        """Begin to read an uploaded archive of pictures; the import's token."""
        self.check_upload(len(upload))
        return self._import(Request(shown, options, owner=self.person.email), upload)

    def import_path(self, path: str, options: Options) -> str:
        """Begin to read a folder or an archive on the server's disk; the import's token."""
        self.need_admin("read folders of the server")
        return self._import(Request(Path(path).name or path, options, path, self.person.email))

    def keep_data(self, token: str, name: str) -> Dataset:
        """Make a data set of an import of theirs."""
        self._own_import(token)
        return finalize.finalize(token, name)

    def discard_import(self, token: str) -> None:
        """End an import of theirs."""
        self._own_import(token)
        import_job.discard(token)

    def delete_data(self, name: str) -> None:
        """Delete a data set of theirs; those that ship are everybody's, and got again by a download."""
        dataset = datasets.find(name)
        self._need_runner("delete data sets")
        if not dataset.own:
            self.need_admin("delete downloaded data sets")
        if not self.may_change(dataset.owner):
            raise AccessError(f"The data set {name!r} is not yours; ask its owner or an admin to delete it.")
        data_deletion.delete(name, self.store)

    def _import(self, request: Request, upload: bytes | memoryview | None = None) -> str:
        self._need_runner("import data sets")
        token = import_job.begin(request, upload)
        import_job.start(token)
        return token

    def _own_import(self, token: str) -> None:
        self._need_runner("import data sets")
        if not self.may_change(import_job.status(token).request.owner):
            raise AccessError("This import is somebody else's; begin one of your own.")
