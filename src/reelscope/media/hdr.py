"""HDR clips (PQ, HLG; BT.2020) to the SDR picture that a phone would show, as a 3-D look-up table for FFmpeg's lut3d filter.

Decode to linear light in nits (SMPTE ST 2084; ARIB STD-B67 with the 1.2 system gamma of a 1000-nit display, ITU-R BT.2100), convert the
primaries to BT.709 (ITU-R BT.2087), compress luminance with extended Reinhard (white at 1000 nits, reference white 203 nits of ITU-R
BT.2408), and encode as sRGB (IEC 61966-2-1).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np

__all__ = ["tone_map", "write_tone_map"]

SIZE = 33  # points per axis; usual for camera LUTs
REFERENCE_WHITE_NITS = 203.0
PEAK_NITS = 1000.0
_BT2020_TO_BT709 = np.array([[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]])
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593])
_BT709_LUMA = np.array([0.2126, 0.7152, 0.0722])


def tone_map(rgb: np.ndarray, transfer: Literal["pq", "hlg"]) -> np.ndarray:
    """Map HDR signal values to sRGB.

    Args:
        rgb: float [..., 3], encoded BT.2020 signal 0-1.
        transfer: Its transfer function.

    Returns:
        float [..., 3], sRGB 0-1.
    """
    nits = _pq_nits(rgb) if transfer == "pq" else _hlg_nits(rgb)
    linear = np.maximum(nits @ _BT2020_TO_BT709.T, 0.0) / REFERENCE_WHITE_NITS
    luminance = linear @ _BT709_LUMA
    white = PEAK_NITS / REFERENCE_WHITE_NITS
    target = luminance * (1 + luminance / white**2) / (1 + luminance)
    scaled = linear * np.divide(target, luminance, out=np.zeros_like(target), where=luminance > 0)[..., None]
    scaled = np.clip(scaled, 0.0, 1.0)
    return np.where(scaled <= 0.0031308, 12.92 * scaled, 1.055 * scaled ** (1 / 2.4) - 0.055)


def write_tone_map(transfer: Literal["pq", "hlg"], work_dir: Path | None) -> Path:
    """Write the table as a .cube file into `work_dir` (red changes fastest) and return its path."""
    folder = work_dir or Path(tempfile.gettempdir())
    path = folder / f"reelscope-{transfer}.cube"
    axis = np.linspace(0, 1, SIZE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = tone_map(np.stack([red, green, blue], -1).reshape(-1, 3), transfer)
    path.write_text(f"LUT_3D_SIZE {SIZE}\n" + "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table) + "\n")
    return path


def _pq_nits(signal: np.ndarray) -> np.ndarray:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = np.clip(signal, 0, 1) ** (1 / m2)
    return 10_000.0 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg_nits(signal: np.ndarray) -> np.ndarray:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.clip(signal, 0, 1)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ _BT2020_LUMA
    return PEAK_NITS * scene * np.maximum(luminance, 1e-9)[..., None] ** 0.2
