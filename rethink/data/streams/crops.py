"""Crops of images of one size, mirrored if asked, black beyond the edges: a kernel for the CPU, and torch for a GPU."""

import numpy as np
import numpy.typing as npt
import torch

from rethink.kernel import kernel


@kernel
def crop(images, out, views):  # type: ignore[no-untyped-def]
    """The crop of each image at (top, left), mirrored if asked, black beyond the edges: (n, H, W, 3) -> square ones."""
    height, width, side = images.shape[1], images.shape[2], out.shape[1]
    for i in range(images.shape[0]):
        top, left, mirrored = views[i, 0], views[i, 1], views[i, 2]
        for y in range(side):
            for x in range(side):
                row, column = top + y, left + (side - 1 - x if mirrored else x)
                inside = 0 <= row < height and 0 <= column < width
                for c in range(3):
                    out[i, y, x, c] = images[i, row, column, c] if inside else 0


def crop_on_device(
    images: torch.Tensor, positions: torch.Tensor, views: npt.NDArray[np.int64], side: int
) -> torch.Tensor:
    """What `crop` gives of the images (N, H, W, 3) at `positions` (n,): (n, side, side, 3), by moving indices."""
    height, width = images.shape[1:3]
    top, left, mirrored = torch.from_numpy(views).to(images.device)[:, :, None].unbind(1)
    steps = torch.arange(side, device=images.device)
    rows, columns = top + steps, left + torch.where(mirrored > 0, side - 1 - steps, steps)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    rows, columns = rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    return images[positions[:, None, None], rows, columns] * inside[..., None]
