"""The configuration of the loop: worlds, questions, model, how it is trained and measured; and the recipes."""

from typing import Literal

from pydantic import Field

from fathom.core.config import Config
from fathom.llm.local.lm import LMConfig
from fathom.llm.local.sampler import SamplerConfig
from fathom.rollout.pool import PoolConfig
from fathom.rollout.scheduler import RolloutConfig
from fathom.synth.questions import QuestionConfig
from fathom.train.optimize import OptimizerConfig
from fathom.train.rl.trainer import RLConfig
from fathom.train.supervised import SupervisedConfig
from fathom.train.tokenizer import PAIRS, WIRE_PIECES, TokenizerConfig

HELD_OUT_SEED = 1_000_003  # added to a world's seed for the world of the held-out questions


_CPT = OptimizerConfig(kind="muon", lr=4e-3, matrix_lr=0.02, weight_decay=0.0)
_SFT = OptimizerConfig(kind="muon", lr=2e-3, matrix_lr=0.01, weight_decay=0.0)


class LoopConfig(Config):
    """A whole turn of the circle, and the second one. The held-out world shares no name with the one trained on."""

    seed: int = Field(default=0, ge=0, description="of worlds, questions, weights and everything drawn")
    threads: int = Field(default=2, ge=1, description="of torch")
    pages: int = Field(default=20_000, ge=100, description="pages of the world that is trained on")
    held_out_pages: int = Field(default=2_000, ge=100, description="pages of the world of the held-out questions")
    taught: QuestionConfig = QuestionConfig(shapes={"chain1": 0.8, "chain2": 0.2})
    asked: QuestionConfig = QuestionConfig(shapes={"chain1": 0.8, "chain2": 0.2})
    reading_texts: int = Field(default=12_000, ge=1, description="texts of continual pre-training")
    fresh_weight: float = Field(
        default=0.05, ge=0, description="weight in their loss of tokens that the text did not have before"
    )
    transcripts: int = Field(default=0, ge=0, description="oracle trajectories read whole after the texts")
    oracle_questions: int = Field(default=5_000, ge=1, description="questions whose oracle trajectories train SFT")
    rl_questions: int = Field(default=1_500, ge=1, description="questions of RL, none of them in SFT")
    held_out_questions: int = Field(default=200, ge=1, description="questions of the held-out world")
    tokenizer: TokenizerConfig = TokenizerConfig(vocab_size=2048, pieces=WIRE_PIECES + PAIRS)
    model: LMConfig = LMConfig(
        vocab_size=2048, width=160, layers=3, heads=5, kv_heads=5, mlp_width=432, rope_theta=500.0, init_std=0.04
    )
    cpt: SupervisedConfig = SupervisedConfig(optimizer=_CPT, ordered=True)
    skip_cpt: bool = Field(default=False, description="leave continual pre-training out (ablation)")
    sft: SupervisedConfig = SupervisedConfig(optimizer=_SFT, tokens_per_step=8192)
    replay: float = Field(default=0.4, ge=0, lt=1, description="share of SFT's tokens that are texts of pre-training")
    rl: RLConfig = RLConfig()
    rollout: RolloutConfig = RolloutConfig(batch=16, group=8)
    pool: PoolConfig = PoolConfig()
    sampler: SamplerConfig = SamplerConfig(slots=128, max_tokens=96)
    tool_slots: int = Field(default=32, ge=1, description="searches and visits at once, of all rollouts together")
    transport: Literal["in_process", "http"] = Field(
        default="in_process", description="how agents reach the model; http as if it were served elsewhere"
    )
    second_turn: bool = Field(default=True, description="train the next SFT on the improved agent's own trajectories")
    second_questions: int = Field(default=2_000, ge=1, description="questions of SFT that the agent tries itself")
    second_tries: int = Field(default=1, ge=1, description="attempts at each of them")


def nano() -> LoopConfig:
    """The recipe of the nano proof: from nothing to a researching agent on two CPU cores."""
    return LoopConfig()


def nano_short() -> LoopConfig:
    """The same circle made short, to see that it turns: minutes, and one hop only."""
    return LoopConfig(
        pages=2_000,
        held_out_pages=500,
        taught=QuestionConfig(shapes={"chain1": 1.0}),
        asked=QuestionConfig(shapes={"chain1": 1.0}),
        reading_texts=1_500,
        oracle_questions=1_200,
        rl_questions=300,
        held_out_questions=40,
        rl=RLConfig(steps=6, checkpoint_steps=3),
        rollout=RolloutConfig(batch=8, group=8),
    )


RECIPES = {"nano": nano, "nano-short": nano_short}
