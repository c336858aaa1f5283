"""The configuration of the loop: worlds, questions, model, how it is trained and measured. `nano` is the one recipe."""

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
from fathom.train.tokenizer import TokenizerConfig

HELD_OUT_SEED = 1_000_003  # added to a world's seed for the world of the held-out questions


class LoopConfig(Config):
    """A whole turn of the circle, and the second one. Worlds of different seeds share no names."""

    seed: int = Field(default=0, ge=0, description="of worlds, questions, weights and everything drawn")
    threads: int = Field(default=2, ge=1, description="of torch")
    pages: int = Field(default=20_000, ge=100, description="pages of the world that is trained on")
    held_out_pages: int = Field(default=2_000, ge=100, description="pages of the world of the held-out questions")
    questions: QuestionConfig = QuestionConfig(shapes={"chain1": 1.0, "chain2": 1.0})
    reading_texts: int = Field(default=9_000, ge=1, description="pages with exercises for continual pre-training")
    oracle_questions: int = Field(default=6_000, ge=1, description="questions whose oracle trajectories train SFT")
    rl_questions: int = Field(default=1_500, ge=1, description="questions of RL, none of them in SFT")
    held_out_questions: int = Field(default=200, ge=1, description="questions of the held-out world")
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: LMConfig = LMConfig(vocab_size=1024)
    cpt: SupervisedConfig = SupervisedConfig(optimizer=OptimizerConfig(lr=4e-3, final_lr=0.5))
    skip_cpt: bool = Field(default=False, description="leave continual pre-training out (ablation)")
    sft: SupervisedConfig = SupervisedConfig(optimizer=OptimizerConfig(lr=3e-3, final_lr=0.05))
    rl: RLConfig = RLConfig()
    rollout: RolloutConfig = RolloutConfig(batch=16, group=8)
    pool: PoolConfig = PoolConfig()
    sampler: SamplerConfig = SamplerConfig(slots=128, max_tokens=96)
    second_turn: bool = Field(default=True, description="train the next SFT on the improved agent's own trajectories")
    second_tries: int = Field(default=2, ge=1, description="attempts at each question in the second turn")


def nano() -> LoopConfig:
    """The recipe of the nano proof: from nothing to a researching agent on two CPU cores."""
    return LoopConfig()


def nano_short() -> LoopConfig:
    """The same circle made short, to see that it turns: minutes, and one hop only."""
    return LoopConfig(
        pages=2_000,
        held_out_pages=500,
        questions=QuestionConfig(shapes={"chain1": 1.0}),
        reading_texts=1_500,
        oracle_questions=1_200,
        rl_questions=300,
        held_out_questions=40,
        rl=RLConfig(steps=6, checkpoint_steps=3),
        rollout=RolloutConfig(batch=8, group=8),
        second_tries=1,
    )


RECIPES = {"nano": nano, "nano-short": nano_short}
