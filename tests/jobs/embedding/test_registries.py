"""Every entry of the registries: it works, its settings exist, it is documented, it has a test of its own."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from jobs.embedding import recipe
from jobs.embedding.columns import Columns
from jobs.embedding.entries import Need
from jobs.embedding.losses.objective import TERMS, LossTerm, Objective
from jobs.embedding.models.architecture import ENCODERS, Architecture, Encoder
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import Training
from jobs.embedding.views.choice import VIEWS, View, Views
from lake.errors import ConfigError

PAGE = Path(__file__).parents[3] / "docs" / "embedding.md"
REGISTRIES = {
    "model": (ENCODERS, Architecture),
    "loss": (TERMS, Objective),
    "views": (VIEWS, Views),
}
ENTRIES = [(setting, name) for setting, (entries, _) in REGISTRIES.items() for name in entries]
COLUMNS = Columns.from_names(
    f"day-1km/{band}/{month:02d}/64800/mean/s{subpixel:02d}"
    for month in (1, 4, 7)
    for band in ("C02", "C13")
    for subpixel in range(4)
)


@pytest.mark.parametrize(("setting", "name"), ENTRIES)
def test_entry_trains(setting, name):
    """Two periods of fine pixels with neighbours, labels and conditions: all that an entry may need.

    A tenth of the values is missing.
    """
    chosen = {"model": "plain", "loss": ("infonce",), "views": ("noise",)}
    chosen |= {setting: name if setting == "model" else (name,)}
    variational = Need.VARIATIONAL_CODE in TERMS[chosen["loss"][0]].needs
    settings = Recipe(
        Architecture(
            model=chosen["model"], latent=4, hidden=8, nested=(2,), variational=variational
        ),
        Objective(chosen["loss"], blind_to=("latitude",) if "blind" in chosen["loss"] else ()),
        Views(chosen["views"]),
        Training(steps=3, batch=16, threads=1),
    )
    resolved = recipe.resolve(settings, 2, features=True)
    random = torch.Generator().manual_seed(0)
    x = tuple(torch.randn(40, COLUMNS.count, generator=random) for _ in range(2))
    for period in x:
        period[torch.rand(period.shape, generator=random) < 0.1] = torch.nan
    neighbours = torch.randint(40, (40, 8), generator=random)
    conditions = torch.randn(40, 1, generator=random)
    state = recipe.fit(
        resolved, x, COLUMNS, neighbours, torch.arange(40) % 3, conditions=conditions
    )
    assert state.step == 3
    assert state.is_finite()
    with torch.no_grad():
        assert state.model(x[0]).shape == (40, 4)


@pytest.mark.parametrize(("setting", "name"), ENTRIES)
def test_entry_is_documented_by_its_help(setting, name):
    entry = REGISTRIES[setting][0][name]
    assert f"\n| `{name}` | {entry.help} |\n" in PAGE.read_text("utf-8")


@pytest.mark.parametrize(("setting", "name"), ENTRIES)
def test_settings_of_an_entry_exist(setting, name):
    entries, settings = REGISTRIES[setting]
    assert set(entries[name].settings) <= {field.name for field in fields(settings)}


@pytest.mark.parametrize("name", TERMS)
def test_term_has_a_test_against_its_formula(name):
    tests = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_loss*.py")]
    assert any(re.search(rf"^def test_{name}_is_", text, re.MULTILINE) for text in tests)


@pytest.mark.parametrize("kind", [Encoder, LossTerm, View])
def test_entry_cannot_be_half_made(kind):
    with pytest.raises(TypeError, match="missing"):
        kind(help="an entry without a function")


@pytest.mark.parametrize("setting", REGISTRIES)
def test_unknown_name_is_refused_with_the_help_of_all_names(setting):
    entries, settings = REGISTRIES[setting]
    unknown = "nothing" if setting == "model" else ("nothing",)
    with pytest.raises(ConfigError, match="'nothing'") as raised:
        settings(**{setting: unknown})
    for name, entry in entries.items():
        assert re.search(rf"\n  {name} +{re.escape(entry.help)}", str(raised.value))


def test_entry_without_what_it_needs_is_refused_by_name():
    for views, need in ((("slots",), "inputs=features"), (("periods",), "second=KEY")):
        with pytest.raises(ConfigError, match=f"views={views[0]} needs .*{need}"):
            recipe.resolve(Recipe(views=Views(views)), 1, features=False)
    with pytest.raises(ConfigError, match="loss=kl needs variational=true"):
        recipe.resolve(Recipe(objective=Objective(("kl",))), 1, features=False)
