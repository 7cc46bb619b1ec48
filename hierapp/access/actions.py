"""Actions: the only way for pages to change anything. Each action first checks whether the person may do it.

Messages from a browser are not trusted: a forged message can press a button that was never shown, with the id of
another person's run. So every change is checked here; hiding buttons in the pages is only a convenience.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hierapp import execution
from hierapp.access import cloning, trashed
from hierapp.access.cloning import Clone
from hierapp.access.permissions import COUNTING, Rules, whom
from hierapp.access.search_actions import SearchActions
from hierapp.data import Dataset, download, registry as datasets, toy, wordnet_files
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
from hierapp.runs import Run, data_deletion, predictions, trash
from hierapp.runs.notes import put as put_note
from hierapp.runs.predictions import job as predictions_job
from hierapp.runs.predictions.job import PredictionsImport
from hierapp.runs.store import Place
from hierapp.runs.tags import put as put_tags
from hierapp.similarities import Similarity, embeddings, library as similarity_library
from hierapp.similarities.library import SimilarityEntry
from hierapp.studies import collect
from hierapp.studies.progress import StudyProgress
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, draft_library, library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.trees.library import TreeEntry
from hierapp.utils.trash_folder import Item

BACKWARDS: tuple[Place, ...] = ("later", "last")  # moves that do not overtake other runs


class Actions(Rules):
    """The changes that a person can make to a store, trees, similarities, drafts and data sets.

    Args:
        store: the store of runs.
        person: the person with their current role; create a new one for each run of a page's script.

    Raises:
        AccessError: from every action that the person is not allowed to do; nothing is changed then.
    """

    @property
    def searches(self) -> SearchActions:
        """The actions on searches."""
        return SearchActions(self.store, self.person)

    # Runs

    def import_predictions(self, request: predictions.Request) -> str:
        """Start to store uploaded predictions as finished runs of the person; return the token of the import.

        Images on the server's disk are not read, unless the person is an admin.
        """
        self._need_runner("import predictions")
        files = [*request.sources, *(each for each in (request.labels, request.classes) if each is not None)]
        self.check_upload(sum(source.size for source in files))
        if any(source.folder is not None for source in files):
            self.need_admin("read images on the server")
        token = predictions_job.begin(self.store, replace(request, owner=self.person.email))
        predictions_job.start(self.store, token)
        return token

    def predictions_import(self, token: str) -> PredictionsImport:
        """Return the state of an import of the person."""
        found = predictions_job.status(self.store, token)
        if not self.may_change(found.owner):
            raise AccessError("This import belongs to another user; start your own.")
        return found

    def discard_predictions(self, token: str) -> None:
        """Stop an import of the person, and remove its files; stored runs stay."""
        self._need_runner("import predictions")
        self.predictions_import(token)
        predictions_job.discard(self.store, token)

    def delete(self, runs: Sequence[str]) -> list[str]:
        """Move runs of the person to the trash; return their ids."""
        for run in runs:
            self._own(run, "delete")
        return trash.delete(self.store, runs)

    def restore(self, runs: Sequence[str]) -> list[str]:
        """Take runs of the person out of the trash; return their ids."""
        self._need_runner("restore runs")
        for run in self.store.runs(runs, deleted=True):
            if not self.may_change(run.owner):
                raise AccessError(f"Run {run.id} belongs to {whom(run.owner)}; ask them or an admin to restore it.")
        return trash.restore(self.store, runs)

    def empty_trash(self) -> list[str]:
        """Remove what the person has in the trash for good, as an admin all of it; return the ids of the runs."""
        self._need_runner("empty the trash")
        trashed.empty(self.store, lambda item: self.may_change(item.owner))
        return trash.empty(self.store, lambda run: self.may_change(run.owner))

    def restore_item(self, item: Item) -> None:
        """Take something else of the person out of the trash."""
        self._need_runner(f"restore a {item.kind}")
        if not self.may_change(item.owner):
            raise AccessError(
                f"The {item.kind} {item.name!r} belongs to {whom(item.owner)}; ask them or an admin to restore it."
            )
        trashed.restore(self.store, item)

    def launch(self, configs: Sequence[RunConfig], tree: LabelTree, priority: int = 0) -> list[str]:
        """Queue runs owned by the person; return their ids in order. Also raises the errors of `execution.submit`."""
        self._need_runner("start runs")
        if priority > 0:
            self.need_admin("put runs before those of others")
        self.check_code(config.model for config in configs)
        self._check_epochs(max((config.epochs for config in configs), default=0))
        with COUNTING:
            self.need_room(len(configs))
            return execution.submit(self.store, configs, tree, owner=self.person.email, priority=priority)

    def cancel(self, run: str) -> Run:
        """Cancel a waiting run, or ask a running one to stop."""
        self._own(run, "cancel")
        return self.store.request_cancel(run)

    def resume(self, run: str) -> None:
        """Queue an ended run again; it continues where it stopped."""
        found = self._own(run, "resume")
        self.check_code([found.config.model])
        self._check_epochs(found.config.epochs)
        with COUNTING:
            self.need_room(1)
            execution.resume(self.store, run)

    def hold(self, run: str) -> None:
        """Hold a waiting run, so that it does not start."""
        self._own(run, "hold")
        self.store.hold(run)

    def release(self, run: str) -> None:
        """Release a held run, so that it can start."""
        self._own(run, "release")
        self.store.release(run)

    def move(self, run: str, where: Place) -> None:
        """Move a waiting run in the queue; a runner may move a run back but not forward."""
        self._own(run, "move")
        if where not in BACKWARDS:
            self.need_admin("put runs before those of others")
        self.store.move(run, where)

    def tag(self, run: str, words: Sequence[str], seen: Sequence[str] | None = None) -> tuple[str, ...]:
        """Replace the tags of a run; return the stored ones. See `runs.tags.put`."""
        self._own(run, "tag")
        return put_tags(self.store, run, words, seen)

    def note(self, run: str, text: str, seen: str | None = None) -> None:
        """Replace the note of a run; see `runs.notes.put`."""
        self._own(run, "write beside")
        put_note(self.store, run, text, seen)

    def clone(self, run: str) -> Clone:
        """Return the configuration of a run for the form; its tree and similarity are saved again if they are gone."""
        self._need_runner("clone runs")
        return cloning.clone(
            self.store.run(run),
            lambda tree, name, title, data: self.keep_tree(tree, name, title, data=data),
            lambda similarity, name, title, data: self.keep_similarity(similarity, name, title, data=data),
        )

    def time_losses(self, size: SizeName, data: str) -> None:
        """Start the timing of the loop and the tensor implementation in appendix A of the paper."""
        self._need_runner("time the losses")
        timing.start(size, data)

    def collect_study(self, found: StudyProgress, seen: Callable[[int], object]) -> None:
        """Write this machine's results of a study from its finished runs; see `studies.collect.write`."""
        self._need_runner("compute the results of studies")
        collect.write(found.study, found.tests, seen)

    def set_slots(self, kind: str, count: int) -> None:
        """Set the slots per device of a kind."""
        self.need_admin("set how many runs run at once")
        slots.set_slots(self.store, kind, count)

    def choose_launcher(self, value: str) -> None:
        """Choose where runs are executed; see `launchers.choice.choose`."""
        self.need_admin("choose where runs are executed")
        settings.choose(self.store, value)

    def set_retries(self, count: int) -> None:
        """Set the number of automatic retries of an interrupted run."""
        self.need_admin("set how often runs are retried")
        settings.set_retries(self.store, count)

    def set_public_address(self, address: str) -> None:
        """Set the address at which others reach the app, for links."""
        self.need_admin("set the public address")
        settings.set_public_address(self.store, address)

    # Trees, similarities, drafts, data sets

    def check_upload(self, size: int) -> None:
        """Refuse an upload of `size` bytes if the person may not upload or it is too large."""
        self._need_runner("upload files")
        most = self.person.limits.upload_mb
        if most is not None and size > most * 1e6:
            raise AccessError(
                f"The file has {size / 1e6:.2f} MB, and at most {most:g} MB are allowed; choose a smaller file."
            )

    def keep_tree(
        self, tree: LabelTree, name: str, title: str = "", description: str = "", data: str | None = None
    ) -> TreeEntry:
        """Store a tree under a name, with a number appended if the name is taken; see `tree_library.keep`."""
        self._need_runner("keep trees")
        return tree_library.keep(tree, name, title, description, data, self.person.email)

    def save_tree(self, tree: LabelTree, name: str, title: str = "", data: str | None = None) -> TreeEntry:
        """Store a tree, replacing a tree of that name that the person may change; otherwise under a new name."""
        self._need_runner("keep trees")
        return tree_library.save(tree, name, title, data=data, owner=self.person.email, may_replace=self.may_change)

    def delete_tree(self, name: str) -> Item | None:
        """Move a tree of the person to the trash, and return it there; its versions remain."""
        self._need_runner("delete trees")
        return tree_library.delete(name, self.may_change)

    def keep_similarity(
        self,
        similarity: Similarity,
        name: str,
        title: str = "",
        description: str = "",
        data: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> SimilarityEntry:
        """Store a similarity under a name, with a number appended if it is taken; see `similarity_library.keep`."""
        self._need_runner("keep similarities")
        return similarity_library.keep(similarity, name, title, description, data, self.person.email, more)

    def keep_names(self, data: str, prompt: str = embeddings.PLAIN) -> SimilarityEntry:
        """Compute the similarity of a data set's class names with the packaged model and store it; takes seconds."""
        self._need_runner("compute similarities")
        entry = datasets.find(data)
        found = embeddings.of_names(entry.class_names, prompt=prompt)
        about = embeddings.about(data, entry.title, prompt=prompt)
        title, description = about.pop("title"), about.pop("description")
        return self.keep_similarity(found, f"{data}-names", title, description, data, about)

    def delete_similarity(self, name: str) -> Item | None:
        """Move a similarity of the person to the trash, and return it there; runs that used it have their own copy."""
        self._need_runner("delete similarities")
        return similarity_library.delete(name, self.may_change)

    def begin_draft(self, tree: LabelTree, title: str, data: str | None = None) -> Draft:
        """Start a draft of a tree; return the draft."""
        self._need_runner("draw trees")
        return Draft.begin(tree, title, data)

    def edit_draft(self, draft: Draft, edits: Sequence[Mapping[str, Any]]) -> str:
        """Edit a draft and return the result of `Draft.ask`. Anyone who has the address of a draft may edit it."""
        self._need_runner("draw trees")
        return draft.ask(edits)

    def delete_draft(self, draft_id: str) -> Item:
        """Move a draft to the trash, and return it there. Anyone who has its address may do so."""
        self._need_runner("delete drafts")
        return draft_library.delete(draft_id)

    def save_view(self, state: State, name: str) -> SavedView:
        """Store a view of the Loss lab under a name, with a number appended if the name is taken."""
        self._need_runner("save views")
        return saved_views.keep(state, name)

    def get_data(self, name: str) -> None:
        """Start the download of a data set of the catalogue."""
        self._need_runner("download data sets")
        download.start(name)

    def draw_toy(self, tree: LabelTree, tree_name: str) -> Dataset:
        """Draw a data set of toy pictures for a stored tree; see `toy.create`."""
        self._need_runner("draw data sets")
        name = finalize.numbered(finalize.suggested(f"{tree_name[:30]}-toy"))
        return toy.create(tree, name, tree_name, owner=self.person.email)

    def get_wordnet(self) -> None:
        """Download the WordNet dictionary."""
        self._need_runner("download WordNet")
        wordnet_files.get()

    def import_upload(self, upload: bytes | memoryview, shown: str, options: Options) -> str:
        """Start to import an uploaded archive of images; return the token of the import."""
        self.check_upload(len(upload))
        return self._import(Request(shown, options, owner=self.person.email), upload)

    def import_path(self, path: str, options: Options) -> str:
        """Start to import a folder or an archive on the server's disk; return the token of the import."""
        self.need_admin("read folders on the server")
        return self._import(Request(Path(path).name or path, options, path, self.person.email))

    def keep_data(self, token: str, name: str) -> Dataset:
        """Create a data set from an import of the person."""
        self._own_import(token)
        return finalize.finalize(token, name)

    def discard_import(self, token: str) -> None:
        """Discard an import of the person."""
        self._own_import(token)
        import_job.discard(token)

    def delete_data(self, name: str, shared: bool = False) -> Item | None:
        """Move a data set of the person to the trash, and return it there; only an admin may delete a downloaded one.

        With `shared` its files are deleted even if other stores use them, too.
        """
        dataset = datasets.find(name)
        self._need_runner("delete data sets")
        if not dataset.own:
            self.need_admin("delete downloaded data sets")
        return data_deletion.delete(
            name, self.store, may_delete=lambda found: self.may_change(found.owner), shared=shared
        )

    def _import(self, request: Request, upload: bytes | memoryview | None = None) -> str:
        self._need_runner("import data sets")
        token = import_job.begin(request, upload)
        import_job.start(token)
        return token

    def _own_import(self, token: str) -> None:
        self._need_runner("import data sets")
        if not self.may_change(import_job.status(token).request.owner):
            raise AccessError("This import belongs to another user; start your own.")
