"""The QR code in a picture, as a scanner that is set to QR codes reads it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import zxingcpp


def read_qr(picture: npt.NDArray[np.uint8]) -> str:
    """The text of the only one. Asked for every kind, the reader takes some random modules for another code as well."""
    (read,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return str(read.text)
