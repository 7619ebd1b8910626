"""wav2vec2 with a regression of arousal, dominance and valence, as the checkpoint of J. Wagner et al. holds it.

J. Wagner, A. Triantafyllopoulos, H. Wierstorf et al., "Dawn of the transformer era in speech emotion recognition: closing the valence
gap", IEEE TPAMI 2023: the mean of the last layer over time, a dense layer, tanh, and one output a dimension.
"""

from __future__ import annotations

from typing import Any

__all__ = ["model_class"]


def model_class() -> Any:
    """The class, a PreTrainedModel whose `from_pretrained` reads the checkpoint.

    Raises:
        ImportError: torch or transformers is not installed.
    """
    import torch
    from transformers import Wav2Vec2Model, Wav2Vec2PreTrainedModel
    from transformers.modeling_outputs import SequenceClassifierOutput

    class Head(torch.nn.Module):
        def __init__(self, width: int, outputs: int) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(width, width)
            self.out_proj = torch.nn.Linear(width, outputs)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.out_proj(torch.tanh(self.dense(features)))  # type: ignore[no-any-return]

    class Wav2Vec2ForDimensions(Wav2Vec2PreTrainedModel):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.wav2vec2 = Wav2Vec2Model(config)
            self.classifier = Head(config.hidden_size, config.num_labels)
            self.post_init()

        def forward(self, input_values: torch.Tensor) -> Any:
            return SequenceClassifierOutput(logits=self.classifier(self.wav2vec2(input_values).last_hidden_state.mean(dim=1)))

    return Wav2Vec2ForDimensions
