"""The page's decoder of Blosc, in the browser under the page's policy, against what c-blosc packed."""

import base64

import numpy as np
import pytest
from numcodecs import blosc
from playwright.sync_api import Error

DECODE = """async (text) => {
    const { decode } = await import(new URL("blosc.js", document.baseURI));
    const bytes = await decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


def packed(
    data: np.ndarray, *, blocksize: int = 0, shuffle: int = blosc.BITSHUFFLE, name: bytes = b"zstd"
) -> bytes:
    return bytes(blosc.compress(data, name, 3, shuffle, blocksize))


def arrays() -> list[np.ndarray]:
    """Elements of 1, 2, 4 and 8 bytes; numbers that are no multiple of 8; what cannot be packed; nothing."""
    rng = np.random.default_rng(3)
    smooth = np.linspace(200, 320, 50_003).astype("<f4")
    return [
        smooth,
        smooth[:1000].astype("<f8"),
        np.rint(smooth[:4099]).astype("<i2"),
        rng.integers(-3, 3, 70_001).astype("i1"),
        rng.integers(0, 256, 5000).astype("u1"),  # noise: is copied
        np.full(20_000, np.nan, "<f4"),
        smooth[:3],
        np.zeros(0, "<f4"),
    ]


def decoded(page, chunk: bytes) -> bytes:
    return base64.b64decode(page.evaluate(DECODE, base64.b64encode(chunk).decode()))


def test_decoder_gives_back_what_was_packed(page, site):
    page.goto(site)
    for number, data in enumerate(arrays()):
        for blocksize in (0, 4096, 5000):
            assert decoded(page, packed(data, blocksize=blocksize)) == data.tobytes(), (
                number,
                blocksize,
            )
    assert decoded(page, packed(arrays()[0], shuffle=blosc.NOSHUFFLE)) == arrays()[0].tobytes()


@pytest.mark.parametrize("harm", ["lz4", "bytes shuffled", "cut", "garbled", "empty"])
def test_what_it_does_not_know_and_what_is_damaged_is_an_error(page, site, harm):
    data = arrays()[0]
    chunk = bytearray(packed(data))
    if harm == "lz4":
        chunk = packed(np.zeros(20_000, "<f4"), name=b"lz4")
    elif harm == "bytes shuffled":
        chunk = packed(data, shuffle=blosc.SHUFFLE)
    elif harm == "cut":
        del chunk[len(chunk) // 2 :]
    elif harm == "garbled":
        chunk[40:200] = bytes(160)
    else:
        chunk = b""
    page.goto(site)
    with pytest.raises(Error):
        decoded(page, bytes(chunk))
