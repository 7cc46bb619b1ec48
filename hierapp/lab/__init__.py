"""The Loss lab without its page: one example over one tree, and what each loss and each decoder makes of it.

Nothing here needs torch at import; what computes losses imports it inside functions (`engine.py`).
"""
