"""From an image network's feature map to compared features at every pixel."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.geometry.feature_grid import read_cells, resample_cells
from perception_kd.ops.interpolated_pool import pool_interpolated
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


@MODELS.register_module()
class PixelProjection(nn.Module):
    """Project a feature map with a 1x1 convolution, then enlarge it to the image.

    With the defaults this is the trained part of SLidR's teacher [1]
    (``scale_factor=4``, its "dilation decoder") and of PPKT's (``scale_factor=32``).

    Convention:
        Pixel r of the image reads, along each axis of h cells,

        - cell ``r * (h - 1) / (scale_factor * h - 1)`` with ``align_corners=True``, as
          published. Cell j of a ResNet sees the surroundings of pixel
          ``scale_factor * j``, so the error grows to ``scale_factor - 1`` px at the far
          edge (3 px for SLidR);
        - cell ``(r + 0.5) / scale_factor - 0.5`` with ``align_corners=False``: cells
          are squares that tile the image;
        - cell ``(r - cell_offset) / scale_factor`` where ``cell_offset`` is given: no
          error if it is that of the backbone. For EfficientNet-Lite0 at stride 16,
          whose cell 0 lies on pixel 15, the other two are off by up to 15 px.

    - [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258

    Args:
        in_channels: Channels C of the backbone's map.
        out_channels: Channels D of the compared features. None compares those of the
            backbone as they are, so that nothing here learns: D-DITR, ScaLR and
            Concerto do so.
        scale_factor: Stride of the backbone's map in px.
        align_corners: Placement of the cells, see above.
        normalize: Whether to scale the features of each pixel to unit length.
        cell_offset: Position of the map's cell 0 in px (``cell_offset`` of the
            backbone). Needs ``align_corners=False``.

    Raises:
        ValueError: If a number is not positive, or ``cell_offset`` comes with
            ``align_corners=True``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = 64,
        scale_factor: int = 4,
        align_corners: bool = True,
        normalize: bool = True,
        cell_offset: float | None = None,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels or 1, scale_factor) < 1:
            raise ValueError(
                "in_channels, out_channels and scale_factor must be positive, but got "
                f"{in_channels}, {out_channels} and {scale_factor}."
            )
        if align_corners and cell_offset is not None:
            raise ValueError(
                "cell_offset must be None with align_corners=True, but got "
                f"{cell_offset}; set align_corners=False."
            )
        self.in_channels = in_channels
        self.conv = (
            nn.Identity()
            if out_channels is None
            else nn.Conv2d(in_channels, out_channels, kernel_size=1)
        )
        self.scale_factor = scale_factor
        self.align_corners = align_corners
        self.normalize = normalize
        self.cell_offset = cell_offset

    def forward(self, feats: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return the features of every pixel.

        Args:
            feats: Feature maps of the backbone, shape (V, C, h, w).
            size: Height and width of the image in px; ``scale_factor`` times the map's
                where not given.

        Returns:
            Shape (V, D, H, W).
        """
        return self.enlarge(self.project(feats), size)

    def enlarge(self, feats: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return the features of every pixel from a map that is projected already.

        Args:
            feats: Projected features, shape (V, D, h, w).
            size: Height and width of the result in px; None for the whole map.

        Returns:
            Shape (V, D, H, W), of unit length if the head normalizes.
        """
        pixel_feats = self.upsample(feats, size)
        return F.normalize(pixel_feats, dim=1) if self.normalize else pixel_feats

    def project(self, feats: Tensor) -> Tensor:
        """Return the projected map at the backbone's resolution, (V, D, h, w)."""
        check_shape("feats", feats, ("V", self.in_channels, "h", "w"))
        projected: Tensor = self.conv(feats)
        return projected

    def project_means(self, feats: Tensor) -> Tensor:
        """Return the projected features of segments from the means over their pixels.

        The mean of a linear map is the map of the mean, so without normalization this
        equals the mean of the pixels' features. With it, each segment is normalized
        instead of each pixel.

        Args:
            feats: Means of the backbone's enlarged map, shape (S, C).

        Returns:
            Shape (S, D).
        """
        check_shape("feats", feats, ("S", self.in_channels))
        projected = self.project(feats[:, :, None, None]).flatten(1)
        return F.normalize(projected, dim=1) if self.normalize else projected

    def upsample(self, feats: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Enlarge a map to the image, without normalizing it.

        A backbone rounds the size of its map up, so cells at the right and bottom may
        reach beyond the image: what lies there is cut off, and the rest is not
        stretched.

        Args:
            feats: Maps, shape (V, D, h, w).
            size: Height and width of the image in px; ``scale_factor`` times the map's
                where not given.

        Returns:
            Shape (V, D, H, W).

        Raises:
            ValueError: If the image is larger than the map covers.
        """
        height, width = (cells * self.scale_factor for cells in feats.shape[-2:])
        if size is None:
            size = (height, width)
        self._check_size(size, (height, width))
        if self.cell_offset is not None:
            return resample_cells(feats, size, self.scale_factor, self.cell_offset)
        enlarged = F.interpolate(
            feats,
            scale_factor=self.scale_factor,
            mode="bilinear",
            align_corners=self.align_corners,
        )
        return enlarged[..., : size[0], : size[1]]

    def sample(self, feats: Tensor, pixels: Tensor) -> Tensor:
        """Return the features of some pixels, without enlarging the map.

        Equal to indexing the result of :meth:`forward`, at a fraction of its memory.

        Args:
            feats: Feature maps of the backbone, shape (V, C, h, w).
            pixels: (view, row, col) of each pixel, int64, shape (M, 3).

        Returns:
            Shape (M, D).

        Raises:
            ValueError: If an argument has the wrong shape.
        """
        check_shape("pixels", pixels, ("M", 3))
        projected = self.project(feats)
        view, row, col = pixels.unbind(dim=1)
        height, width = projected.shape[-2:]
        pixel_feats = read_cells(
            projected,
            view,
            self._to_cells(row.to(projected), height),
            self._to_cells(col.to(projected), width),
        )
        return F.normalize(pixel_feats, dim=1) if self.normalize else pixel_feats

    def pool(
        self, feats: Tensor, superpixels: Tensor, num_superpixels: int
    ) -> tuple[Tensor, Tensor]:
        """Average the features of the pixels of each superpixel.

        Equal to pooling the result of :meth:`forward`, which is never held.

        Args:
            feats: Feature maps of the backbone, shape (V, C, h, w).
            superpixels: Superpixel of each pixel, integers from 0, -1 = none, shape
                (V, H, W).
            num_superpixels: Number of superpixels S, more than the largest id.

        Returns:
            Means, shape (S, D), float32 or wider, zero for an empty superpixel; number
            of pixels of each, shape (S,), int64.

        Raises:
            ValueError: If an argument has the wrong shape.
        """
        projected = self.project(feats)
        check_shape("superpixels", superpixels, (len(projected), "H", "W"))
        (height, width), (rows, cols) = projected.shape[-2:], superpixels.shape[1:]
        self._check_size((rows, cols), (height * self.scale_factor, width * self.scale_factor))
        pixels = torch.arange(max(rows, cols), dtype=torch.float64, device=projected.device)
        cells = self._to_cells(pixels[:rows], height), self._to_cells(pixels[:cols], width)
        return pool_interpolated(projected, superpixels, num_superpixels, cells, self.normalize)

    def _check_size(self, size: tuple[int, int], largest: tuple[int, int]) -> None:
        if size[0] > largest[0] or size[1] > largest[1]:
            raise ValueError(
                f"size must be at most {largest}, {self.scale_factor} times the map's, "
                f"but got {tuple(size)}; set scale_factor to the backbone's stride."
            )

    def _to_cells(self, position: Tensor, num_cells: int) -> Tensor:
        """Return the positions of pixels along an axis; see ``Convention``."""
        if self.cell_offset is not None:
            return (position - self.cell_offset) / self.scale_factor
        if self.align_corners:
            return position * ((num_cells - 1) / (self.scale_factor * num_cells - 1))
        return (position + 0.5) / self.scale_factor - 0.5
