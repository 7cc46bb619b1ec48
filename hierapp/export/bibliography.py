"""BibTeX of the works that the losses are from; `docs/losses.md` lists the same."""

from __future__ import annotations

from collections.abc import Iterable

from hierapp.losses import LOSSES

# By a word of `LossSpec.source`: key, and the fields of the entry. Family names only, as in the list of sources.
WORKS: dict[str, tuple[str, dict[str, str]]] = {
    "Loss in Layers": (
        "lossinlayers",
        {"author": "Bournez and Lamarque and {Le Caillec} and Sithakoul and Tabbara", "title": "Loss in Layers"},
    ),
    "Pereyra": (
        "pereyra2017",
        {
            "author": "Pereyra and Tucker and Chorowski and Kaiser and Hinton",
            "title": "Regularizing Neural Networks by Penalizing Confident Output Distributions",
            "year": "2017",
        },
    ),
    "Bertinetto": (
        "bertinetto2020",
        {
            "author": "Bertinetto and Mueller and Tertikas and Samangooei and Lord",
            "title": "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks",
            "booktitle": "CVPR",
            "year": "2020",
        },
    ),
    "Kobs": (
        "kobs2020",
        {
            "author": "Kobs and Steininger and Zehe and Lautenschlager and Hotho",
            "title": "SimLoss: Class Similarities in Cross Entropy",
            "year": "2020",
        },
    ),
    "Valmadre": (
        "valmadre2022",
        {
            "author": "Valmadre",
            "title": "Hierarchical Classification at Multiple Operating Points",
            "booktitle": "NeurIPS",
            "year": "2022",
        },
    ),
    "Li et al.": (
        "li2022",
        {
            "author": "Li and Zhou and Wang and Li and Yang",
            "title": "Deep Hierarchical Semantic Segmentation",
            "booktitle": "CVPR",
            "year": "2022",
        },
    ),
    "Giunchiglia": (
        "giunchiglia2020",
        {
            "author": "Giunchiglia and Lukasiewicz",
            "title": "Coherent Hierarchical Multi-Label Classification Networks",
            "booktitle": "NeurIPS",
            "year": "2020",
        },
    ),
    "Liang": (
        "liang2023",
        {
            "author": "Liang and Davis",
            "title": "Inducing Neural Collapse to a Fixed Hierarchy-Aware Frame for Reducing Mistake Severity",
            "booktitle": "ICCV",
            "year": "2023",
        },
    ),
}


def keys_of(loss: str) -> list[str]:
    """Return the keys of the works that a loss is from.

    >>> keys_of("regularized-cross-entropy")
    ['lossinlayers', 'pereyra2017']
    """
    source = LOSSES[loss].source if loss in LOSSES else ""
    return [key for word, (key, _) in WORKS.items() if word in source]


def bibtex(losses: Iterable[str]) -> str:
    """Return the BibTeX entries of the works that some losses are from, each once."""
    wanted = {key for loss in losses for key in keys_of(loss)}
    return "\n".join(_entry(key, fields) for key, fields in WORKS.values() if key in wanted)


def _entry(key: str, fields: dict[str, str]) -> str:
    kind = "inproceedings" if "booktitle" in fields else "misc"
    braced = fields | {"title": f"{{{fields['title']}}}"}  # keeps its capitals
    lines = [f"  {name} = {{{value}}}," for name, value in braced.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])
