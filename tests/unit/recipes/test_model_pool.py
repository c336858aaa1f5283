import pytest

from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.recipes.models import open_model

ENVIRONMENT = Environment.read({"FATHOM_HOME": "unused"})


def test_endpoints_with_commas_between_them_are_a_pool() -> None:
    model = open_model("small@http://127.0.0.1:1/v1, large@http://127.0.0.1:2/v1*2", ENVIRONMENT, retries=False)
    assert model.name == "small+large"


@pytest.mark.parametrize(
    "spec",
    [
        "a@http://h/v1,b",
        "a@http://h/v1,b@http://i/v1*x",
        "a@http://h/v1,b@http://h/v1",
        "a@http://h/v1*0,b@http://i/v1",
    ],
)
def test_a_pool_that_cannot_be_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        open_model(spec, ENVIRONMENT)
