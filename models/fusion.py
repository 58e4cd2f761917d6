"""Several frames of one face: their templates become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.comparison import similarity
from models.embedding import Template
from models.errors import TemplateMismatch

ONE_FACE = 0.5
"""Templates of one face in frames that follow each other are at least so alike: .94 for a head that is still, .50 the
least for one that is thrown about before a webcam. Of 3,280 pairs of pictures of different East-Asian women the most
alike are at .41. What is less alike must not become one template: the mean of two people is like both."""


def of_one_face(templates: Sequence[Template], another: Template) -> bool:
    """Whether ``another`` shows the face that every one of ``templates`` shows.

    Raises:
        TemplateMismatch: they come from different models.
    """
    return all(similarity(template, another) >= ONE_FACE for template in templates)


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
