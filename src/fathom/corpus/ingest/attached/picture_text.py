"""From pictures to the text in them: runs in the parser process, with the extra `ocr`.

The models are PP-OCRv6 (Chinese and Latin scripts), which come inside the wheel of rapidocr. Their paths are named
outright, since otherwise the library would fetch a model from the web that it does not find or whose hash differs.
"""

import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError

_PIXELS = 60_000_000  # a page scanned at 600 dpi has 35 million
_RENDERED_SIDE, _MOST_SCALE = 2000, 3.0  # pixels, which is what the recogniser makes of larger pictures; 216 dpi
_MODELS = {
    "Det.model_path": "PP-OCRv6_det_small.onnx",
    "Cls.model_path": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec.model_path": "PP-OCRv6_rec_small.onnx",
}


def picture(path: str, pages: int) -> Iterator[dict[str, Any]]:
    """A part per picture of the file, which may be a TIFF of several, at most `pages`. Raises `InputError` without a
    source."""
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

    reader = _reader()
    try:
        with Image.open(path) as file:
            if file.width * file.height > _PIXELS:
                raise InputError("", "oversized", f"{file.width} x {file.height} pixels, over the limit of {_PIXELS}")
            frames = getattr(file, "n_frames", 1) if file.format == "TIFF" else 1
            for number, frame in enumerate(ImageSequence.Iterator(file)):
                if number == min(frames, pages):
                    break
                upright = ImageOps.exif_transpose(frame).convert("RGBA")
                ground = Image.new("RGBA", upright.size, "white")
                text = _read(reader, Image.alpha_composite(ground, upright).convert("RGB"))
                yield {"text": text, "before": "\n\f", "links": []}
    except UnidentifiedImageError:
        raise InputError("", "unsupported", "a picture of a kind that cannot be read") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise InputError("", "corrupt", f"not a whole picture ({error})"[:300]) from None
    if frames > pages:
        raise InputError("", "oversized", f"{frames} pictures; the first {pages} were read")


def scanned(path: str, pages: int) -> Iterator[dict[str, Any]]:
    """A part per page of a PDF whose pages are pictures, at most `pages`. Raises `InputError` without a source."""
    import pypdfium2

    reader = _reader()
    try:
        document = pypdfium2.PdfDocument(Path(path))
        count = len(document)
        for number in range(min(count, pages)):
            page = document[number]
            scale = min(_MOST_SCALE, _RENDERED_SIDE / max(1.0, *page.get_size()))
            text = _read(reader, page.render(scale=scale).to_pil().convert("RGB"))
            yield {"text": text, "before": "\n\f", "links": []}
            page.close()
    except pypdfium2.PdfiumError as error:
        raise InputError("", "corrupt", str(error)) from None
    if count > pages:
        raise InputError("", "oversized", f"{count} pages that are pictures; the first {pages} were read")


@cache
def _reader() -> Any:
    # A look at the name alone, since loading takes a second and only the parser process should pay for it.
    if importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None:
        raise InputError("", "unsupported", "text in pictures cannot be read here", hint="install the extra `ocr`")
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    threads = {"EngineConfig.onnxruntime.intra_op_num_threads": 1, "EngineConfig.onnxruntime.inter_op_num_threads": 1}
    models = {key: str(folder / name) for key, name in _MODELS.items()}
    return rapidocr.RapidOCR(params={**models, **threads, "Global.log_level": "critical"})


def _read(reader: Any, image: Any) -> str:
    """The text in the picture, a line per line."""
    import numpy as np

    found = reader(np.asarray(image)[:, :, ::-1])
    if not found or found.txts is None or found.boxes is None:
        return ""
    lines: list[tuple[float, float, list[tuple[float, str]]]] = []
    for box, text in zip(found.boxes, found.txts, strict=True):
        left, top, bottom = float(box[:, 0].min()), float(box[:, 1].min()), float(box[:, 1].max())
        middle = (top + bottom) / 2
        for line_top, line_bottom, pieces in lines:
            if line_top <= middle <= line_bottom:
                pieces.append((left, text))
                break
        else:
            lines.append((top, bottom, [(left, text)]))
    lines.sort(key=lambda line: line[0])
    return "\n".join(" ".join(text for _, text in sorted(pieces)) for _, _, pieces in lines)
