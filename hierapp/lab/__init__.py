"""The Loss lab without its page: one example over one tree, and what each loss and each decoder makes of it.

Nothing but `engine.py` imports torch at its top, and that is imported inside functions.
"""
