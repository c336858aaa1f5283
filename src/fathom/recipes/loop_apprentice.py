"""The model that a loop trains, with what samples from it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from fathom.core.seeds import derive_seed
from fathom.llm.local.chat import LocalChat
from fathom.llm.local.http import serving
from fathom.llm.local.load import fresh_model, load_model
from fathom.llm.local.sampler import LocalSampler
from fathom.llm.protocol import TokenModel
from fathom.llm.render.renderer import Renderer
from fathom.llm.token_api import HttpTokenModel, TokenEndpointConfig
from fathom.recipes.loop_config import LoopConfig


class Apprentice:
    """Fresh weights, trained in place, and a sampler over them."""

    def __init__(self, config: LoopConfig, renderer: Renderer) -> None:
        self.config, self.renderer = config, renderer
        self.model = fresh_model(config.model, derive_seed(config.seed, "weights"))
        self.sampler = LocalSampler(self.model, renderer.end_id, config.sampler)

    def restart(self, folder: Path) -> None:
        """Take the weights of a model folder."""
        with self.sampler.updating():
            self.model.load_state_dict(load_model(folder).state_dict())

    @asynccontextmanager
    async def chatting(self) -> AsyncIterator[LocalChat]:
        """The model as a chat model: in this process, or through HTTP as a server elsewhere would be."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.sampler.close)
            model: TokenModel = self.sampler
            if self.config.transport == "http":
                service = serving(self.sampler, end_id=self.renderer.end_id, name="nano")
                url = await stack.enter_async_context(service)
                model = HttpTokenModel(TokenEndpointConfig(base_url=url, connections=self.config.sampler.slots))
                stack.push_async_callback(model.close)
            yield LocalChat(model, self.renderer, "nano")
