"""Which format a file has, by its first bytes. Only what is named here as readable is ever given to a decoder."""

from __future__ import annotations

BYTES = 64  # of a file's beginning, enough for every signature

READABLE = {"PNG": "pngload", "TIFF": "tiffload", "JPEG": "jpegload", "WebP": "webpload", "AVIF": "heifload"}
"""The readable formats and libvips' decoder of each. An Ultra HDR JPEG is a JPEG here, with its SDR picture."""

RAW = "raw"
"""A camera's raw file."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"8BPS", "PSD"),
    (b"gimp xcf", "XCF"),
    (b"%PDF", "PDF"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BRANDS = ((b"avif", "AVIF"), (b"avis", "AVIF"), (b"crx ", RAW), (b"heic", "HEIC"), (b"heix", "HEIC"), (b"hevc", "HEIC"), (b"mif1", "HEIF"))


def kind(start: bytes) -> str | None:
    """The format of a file that begins with these bytes; None if it is not known.

    Example:
        >>> kind(b"GIF89a")
        'GIF'
    """
    if start[:4] in _TIFF:
        return RAW if start[8:10] == b"CR" else "TIFF"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if start[4:8] == b"ftyp":
        brands = start[8 : min(BYTES, int.from_bytes(start[:4], "big"))]
        return next((name for brand, name in _BRANDS if brand in brands), None)
    return next((name for signature, name in _SIGNATURES if start.startswith(signature)), None)
