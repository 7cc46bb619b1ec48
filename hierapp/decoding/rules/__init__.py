"""The decoders, one file each.

To add one, add a file that assigns a `DecoderSpec` to DECODER: it is then in `decode`, the forms of the lab and the
Compare page, the table of the documentation and the parametrized tests.
"""
