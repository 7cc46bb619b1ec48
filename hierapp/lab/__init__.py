"""The Loss lab without its page: one example over one tree, evaluated by every loss and decoder.

Only `engine.py` imports torch at module level, and `engine` itself is imported inside functions.
"""

__all__ = [
    "actions",
    "browser",
    "choices",
    "decoding",
    "descent",
    "disagreements",
    "example",
    "judgement",
    "landscape",
    "minimizer",
    "one_file",
    "preload",
    "run_images",
    "run_pixels",
    "saved_views",
    "steps",
    "stories",
    "trees",
    "views",
]
