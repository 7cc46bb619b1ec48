"""The Loss lab without its page: one example over one tree, and what each loss and each decoder makes of it.

Nothing but `engine.py` imports torch at its top, and that is imported inside functions.
"""

__all__ = [
    "actions",
    "choices",
    "decoding",
    "descent",
    "disagreements",
    "example",
    "judgement",
    "landscape",
    "minimizer",
    "numbers",
    "preload",
    "run_images",
    "saved_views",
    "steps",
    "stories",
    "trees",
    "views",
]
