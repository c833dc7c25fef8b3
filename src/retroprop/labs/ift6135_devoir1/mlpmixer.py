"""IFT6135, devoir 1, `mlpmixer.py`: the MLP-Mixer with the names of the template, and its filters.

`PatchEmbed`, `Mlp`, `MixerBlock` and the network are those of `retroprop.models.mlpmixer`.
"""

from pathlib import Path

from retroprop.labs.ift6135_devoir1.utils import save_figure
from retroprop.models import mlpmixer
from retroprop.models.mlpmixer import MixerBlock, Mlp, PatchEmbed

__all__ = ["MLPMixer", "MixerBlock", "Mlp", "PatchEmbed"]


class MLPMixer(mlpmixer.MLPMixer):
    """(batch, 3, img_size, img_size) → (batch, num_classes)."""

    def visualize(self, logdir: str | Path) -> list[Path]:
        """Draw the token-mixing filters of the first block, and what they make of a picture.

        Args:
            logdir: A folder, which is made when it is not there.

        Returns:
            The pictures, token_mixing_filters.png and filtered_picture.png.

        Raises:
            UserError: If they cannot be written, or a weight is not finite.
        """
        from retroprop.data.pictures import bundled_picture
        from retroprop.figures.token_mixing import filtered_pictures, token_mixing_filters

        block = self.blocks[0]
        assert isinstance(block, MixerBlock)
        weights = block.mlp_tokens.fc1.weight.detach().cpu().numpy()  # (hidden, patches)
        folder = Path(logdir)
        return [
            save_figure(token_mixing_filters(weights), folder / "token_mixing_filters.png"),
            save_figure(
                filtered_pictures(bundled_picture(), weights), folder / "filtered_picture.png"
            ),
        ]
