"""The configuration of the loop: worlds, questions, model, how it is trained and measured; and the recipes."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fathom.core.config import Config
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase
from fathom.llm.local.lm import LMConfig
from fathom.llm.local.sampler import SamplerConfig
from fathom.recipes.worlds import check_around
from fathom.rollout.pool import PoolConfig
from fathom.rollout.scheduler import RolloutConfig
from fathom.synth.questions import QuestionConfig
from fathom.train.optimize import OptimizerConfig
from fathom.train.rl.trainer import RLConfig
from fathom.train.supervised import SupervisedConfig
from fathom.train.tokenizer import PAIRS, WIRE_PIECES, TokenizerConfig

HELD_OUT_SEED = 1_000_003  # added to a world's seed for the world of the held-out questions


# The learning rate falls over SFT only: what is learnt at a low one in CPT would be learnt twice.
_CPT = OptimizerConfig(kind="muon", lr=0.016, matrix_lr=0.02, weight_decay=0.0, final_lr=1.0)
# Muon in RL too: with AdamW entropy rose and names came apart.
_RL = OptimizerConfig(kind="muon", lr=5e-4, matrix_lr=3e-3, weight_decay=0.0, warmup_steps=5, final_lr=1.0)
_SFT = _CPT.model_copy(update={"warmup_steps": 10, "final_lr": 0.05})
_DOSE = OptimizerConfig(kind="muon", lr=1.6e-3, matrix_lr=3e-3, weight_decay=0.0, warmup_steps=0, final_lr=1.0)


class PrimerConfig(Config):
    """Small doses of harder trajectories after SFT, until the policy solves some questions of their kind: where every
    attempt fails, RL learns nothing."""

    doses: int = Field(default=24, ge=0, description="at most so many; 0: none")
    kinds: QuestionConfig = Field(default=QuestionConfig(shapes={"chain2": 1.0}), description="the harder questions")
    dose: int = Field(
        default=8, ge=1, description="harder trajectories of a dose; as many of those taught go with them"
    )
    probes: int = Field(default=96, ge=1, description="harder questions that are tried before each dose")
    target: float = Field(
        default=0.16, ge=0, le=1, description="share of them solved, at temperature 1, that is enough"
    )
    training: SupervisedConfig = SupervisedConfig(optimizer=_DOSE, tokens_per_step=4096)


class LoopConfig(Config):
    """A whole turn of the circle, and the second one. The held-out world shares no name with the one trained on."""

    seed: int = Field(default=0, ge=0, description="of worlds, questions, weights and everything drawn")
    threads: int = Field(default=2, ge=1, description="of torch")
    pages: int = Field(default=20_000, ge=100, le=1_000_000, description="pages of the world that is trained on")
    held_out_pages: int = Field(
        default=2_000, ge=100, le=1_000_000, description="pages of the world of the held-out questions"
    )
    given_names: bool = Field(default=False, description="persons have a given name besides their own")
    wordings: int = Field(default=2, ge=1, description="sentence forms in which pages state a relation, at most")
    taught: QuestionConfig = Field(
        default=QuestionConfig(shapes={"chain1": 0.98, "chain2": 0.02}),
        description="questions of SFT: one hop, and so few of two that the primer has something to lift",
    )
    asked: QuestionConfig = Field(
        default=QuestionConfig(shapes={"chain1": 0.1, "chain2": 0.9}),
        description="questions of RL and of the examination: harder ones, of which SFT has shown few",
    )
    reading_texts: int = Field(default=4_500, ge=1, description="texts of continual pre-training")
    fresh_weight: float = Field(
        default=0.05, ge=0, description="weight in their loss of tokens that the text did not have before"
    )
    transcripts: int = Field(default=2_000, ge=0, description="oracle trajectories read whole among the texts")
    oracle_questions: int = Field(default=7_000, ge=1, description="questions whose oracle trajectories train SFT")
    rl_questions: int = Field(default=1_500, ge=1, description="questions of RL, none of them in SFT")
    held_out_questions: int = Field(default=200, ge=1, description="questions of the held-out world")
    tokenizer: TokenizerConfig = TokenizerConfig(vocab_size=2048, pieces=WIRE_PIECES + PAIRS)
    model: LMConfig = LMConfig(
        vocab_size=2048,
        width=160,
        layers=3,
        heads=5,
        kv_heads=5,
        mlp_width=432,
        init_std=0.04,
        attention_bias=True,
        start="recall",
    )
    cpt: SupervisedConfig = SupervisedConfig(optimizer=_CPT, ordered=True, tokens_per_step=4096)
    skip_cpt: bool = Field(default=False, description="leave continual pre-training out (ablation)")
    sft: SupervisedConfig = SupervisedConfig(optimizer=_SFT, tokens_per_step=4096)
    replay: float = Field(default=0.3, ge=0, lt=1, description="share of SFT's tokens that are texts of pre-training")
    primer: PrimerConfig = PrimerConfig()
    rl: RLConfig = RLConfig(steps=110, optimizer=_RL, stop_reward=0.95)
    rollout: RolloutConfig = RolloutConfig(batch=16, group=8)
    pool: PoolConfig = PoolConfig()
    sampler: SamplerConfig = SamplerConfig(slots=128, max_tokens=96)
    around: tuple[str, ...] = Field(
        default=(),
        description="what stands around the world while the agent learns in it, as faulty:RATE or conditions:CALLS",
    )
    tool_calls: int = Field(default=6, ge=1, description="searches and visits of one attempt; two hops take four")
    tool_slots: int = Field(default=32, ge=1, description="searches and visits at once, of all rollouts together")
    transport: Literal["in_process", "http"] = Field(
        default="in_process", description="how agents reach the model; http as if it were served elsewhere"
    )
    second_turn: bool = Field(default=True, description="train the next SFT on the improved agent's own trajectories")
    second_questions: int = Field(
        default=2_200, ge=1, description="questions as in RL that the improved agent tries for the next SFT"
    )
    second_tries: int = Field(default=1, ge=1, description="attempts at each of them")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_around(self.around)
        if any((self.cpt.seed, self.sft.seed, self.primer.training.seed)) or self.rollout.end_id is not None:
            raise ValueError("seeds of stages and rollout.end_id follow from seed and tokenizer: leave them out")
        if self.tokenizer.vocab_size > self.model.vocab_size:
            raise ValueError(
                f"the tokenizer's {self.tokenizer.vocab_size} ids do not fit the model's {self.model.vocab_size}: "
                "set model.vocab_size too"
            )
        if self.rollout.group < 2:
            raise ValueError("rollout.group: a rollout alone has nothing to be compared with, take 2 or more")
        return self


def trained_world(config: LoopConfig) -> ClosedConfig:
    """The world that is trained on."""
    return ClosedConfig(pages=config.pages, seed=config.seed, given_names=config.given_names, wordings=config.wordings)


def held_out_world(config: LoopConfig, trained: KnowledgeBase) -> ClosedConfig:
    """A world of other entities with other facts, whose names share no word with those of the world trained on."""
    return ClosedConfig(
        pages=config.held_out_pages,
        seed=config.seed + HELD_OUT_SEED,
        name_seed=config.seed,
        given_names=config.given_names,
        wordings=config.wordings,
        first_word=trained.words_used.stop,
    )


def nano() -> LoopConfig:
    """The recipe of the nano proof: from nothing to a researching agent on two CPU cores."""
    return LoopConfig()


def nano_short() -> LoopConfig:
    """The same circle made short, to see in minutes that it turns: one hop only, and no second turn."""
    return LoopConfig(
        pages=2_000,
        held_out_pages=500,
        taught=QuestionConfig(shapes={"chain1": 1.0}),
        asked=QuestionConfig(shapes={"chain1": 1.0}),
        reading_texts=1_000,
        transcripts=1_600,
        oracle_questions=1_600,
        replay=0.15,
        primer=PrimerConfig(doses=0),
        rl_questions=300,
        held_out_questions=60,
        rl=RLConfig(steps=4, optimizer=_RL, checkpoint_steps=2),
        rollout=RolloutConfig(batch=8, group=8),
        second_turn=False,
    )


RECIPES = {"nano": nano, "nano-short": nano_short}
