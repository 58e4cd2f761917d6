"""Several frames of one face: their templates become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.embedding import Template
from models.errors import TemplateMismatch


def fuse(templates: Sequence[Template]) -> Template:
    """The unit vector along the mean of ``templates``, which show one face in several frames.

    Noise of single frames (blur, a blink, landmarks off by a pixel) averages out; what they share stays.

    Raises:
        ValueError: there is none.
        TemplateMismatch: they come from different models.
    """
    if not templates:
        raise ValueError("nothing to fuse")
    if len({template.model for template in templates}) > 1:
        raise TemplateMismatch("the templates to fuse come from different models")
    mean = np.mean([template.vector for template in templates], axis=0)
    vector = np.asarray(mean / np.linalg.norm(mean), np.float32)
    vector.setflags(write=False)
    return Template(vector, templates[0].model)
