"""From class probabilities to predicted nodes and sets of nodes; a decoder is one file of the folder `rules`.

Nothing here imports torch: tensors are recognized when they are given, and pages decode numpy arrays.
"""

from hierapp.decoding.climbing import climb_threshold
from hierapp.decoding.decoders import DECODERS, decode, decode_set
from hierapp.decoding.spec import DecoderSpec

__all__ = ["DECODERS", "DecoderSpec", "climb_threshold", "decode", "decode_set"]
