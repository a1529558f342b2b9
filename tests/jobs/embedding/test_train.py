import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from torch.nn import functional

from jobs.embedding import recipe, train
from jobs.embedding.columns import Columns
from jobs.embedding.loader import MemoryLoader, mixed
from jobs.embedding.losses import contrastive
from jobs.embedding.losses.objective import Objective
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import CurvePoint, Training
from jobs.embedding.views.choice import Batch, Views
from lake.errors import ConfigError, DataError

FIVE = Columns(components=5)


def a_recipe(loss=("huber",), views=("noise",), latent=2, model="residual", nested=(), **training):
    loop = Training(**({"steps": 400, "batch": 128, "threads": 1, "held_out": 0.1} | training))
    shape = Architecture(
        model=model, latent=latent, hidden=32, nested=nested, unit=False,
        variational="kl" in loss,
    )  # fmt: skip
    return Recipe(shape, Objective(loss), Views(views, noise=0.02), loop)


@pytest.fixture(scope="module")
def curved():
    """Points of a curved surface: two numbers make five, which no plane holds."""
    rng = np.random.default_rng(3)
    u, v = rng.uniform(-1, 1, (2, 3000))
    x = np.stack([u, v, u**2 - 1 / 3, v**2 - 1 / 3, u * v], axis=1) @ rng.normal(size=(5, 5))
    return torch.from_numpy((PCA(5).fit_transform(x) / x.std()).astype(np.float32))


def weights(state):
    return torch.cat([weight.ravel() for weight in state.model.parameters()]).detach()


def begun(settings, x):
    scale = recipe.scale_of(x, FIVE)
    pixel = torch.arange(len(x))
    loader = MemoryLoader((x / scale, x / scale), pixel, settings.training.batch, 0.1, 0)
    state, task = recipe.begin(settings, scale, FIVE, loader.pixels)
    return state, loader, task


def test_steps_are_ten_passes_over_the_pixels_if_none_are_asked_for():
    plain = Training(batch=1000)
    assert [plain.resolve(n).steps for n in (500, 100_000, 100_001)] == [240, 1000, 1001]
    assert Training(steps=7).resolve(100_000).steps == 7


def test_training_beats_the_best_linear_embedding_on_a_curved_surface(curved):
    state = recipe.fit(a_recipe(), (curved,), FIVE)
    z = curved / recipe.scale_of(curved, FIVE)
    with torch.no_grad():
        rebuilt = state.model.decoder(state.model.encoder(z))
    linear = torch.where(torch.arange(5) < 2, z, 0)
    assert ((z - rebuilt) ** 2).mean() < 0.3 * ((z - linear) ** 2).mean()
    assert state.curve[-1].held_out["loss"] < 0.3 * state.curve[0].held_out["loss"]


def test_infonce_finds_what_two_periods_share():
    """Two numbers stay, eight of larger variance are weather: the embedding is of the first."""
    rng = np.random.default_rng(0)
    stays = rng.normal(size=(2000, 2))
    years = [np.concatenate([3 * rng.normal(size=(2000, 8)), stays], axis=1) for _ in range(2)]
    turn = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    x = tuple(torch.from_numpy((year @ turn).astype(np.float32)) for year in years)
    settings = a_recipe(("infonce",), ("periods",), steps=600, learning_rate=3e-3)
    state = recipe.fit(settings, x, Columns(components=10))
    z = [state.model(period).detach().numpy() for period in x]
    z = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in z]
    assert (z[0] * z[1]).sum(axis=1).mean() > 0.9
    assert abs((z[0] * np.roll(z[1], 1, axis=0)).sum(axis=1).mean()) < 0.1


def test_vectors_that_are_to_be_blind_tell_less_of_the_condition():
    """Of ten inputs five follow the latitude and five the land; probed by a ridge regression."""
    random = torch.Generator().manual_seed(1)
    latitude, land = (torch.randn(2000, 1, generator=random) for _ in range(2))
    x = torch.cat([latitude, land], dim=1).repeat(1, 5)
    x += 0.3 * torch.randn(x.shape, generator=random)
    told = []
    for terms in (("infonce",), ("infonce", "blind")):
        settings = a_recipe(terms, latent=4, steps=150)
        settings = replace(settings, objective=Objective(terms, blind_to=("latitude",)))
        conditions = 10 * latitude + 20
        model = recipe.fit(settings, (x,), Columns(components=10), conditions=conditions).model
        with torch.no_grad():
            z = model(x).numpy()
        told.append([
            Ridge(1e-3).fit(z[:1000], c[:1000]).score(z[1000:], c[1000:])
            for c in (latitude.numpy(), land.numpy())
        ])  # fmt: skip
    (place, ground), (place_blind, ground_blind) = told
    assert place > 0.3
    assert place_blind < 0.1
    assert ground_blind > 0.8 * ground


def test_supervised_loss_draws_pixels_of_a_label_together():
    """Labels that no input direction of large variance predicts; half of the pixels have none."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 900)
    x = rng.normal(size=(900, 6)) * (3, 3, 3, 1, 1, 1)
    x[np.arange(900), 3 + label] += 3
    has_label = np.arange(900) % 2 == 1
    labels = torch.from_numpy(np.where(has_label, label, -1))
    settings = a_recipe(("supervised",), latent=3, steps=400, learning_rate=3e-3)
    inputs = torch.from_numpy(x.astype(np.float32))
    state = recipe.fit(settings, (inputs,), Columns(components=6), labels=labels)
    z = functional.normalize(state.model(inputs)).detach().numpy()
    centres = np.stack([z[(label == k) & has_label].mean(axis=0) for k in range(3)])
    assert ((z[~has_label] @ centres.T).argmax(axis=1) == label[~has_label]).mean() > 0.8


@pytest.mark.parametrize(
    ("model", "loss", "views"),
    [
        ("residual", ("infonce", "decorrelation"), ("periods",)),
        ("plain", ("mse", "huber"), ("mask",)),
        ("plain", ("mse", "kl"), ("noise",)),
        ("deep", ("alignment", "uniformity"), ("stages", "scaling")),
        ("residual", ("vicreg", "barlow"), ("periods",)),
    ],
)
def test_parts_go_together_and_nested_sizes_too(curved, model, loss, views):
    settings = a_recipe(loss, views, 3, model, (1, 2), steps=5)
    state = recipe.fit(settings, (curved, curved), FIVE)
    assert state.step == 5
    for point in state.curve:
        assert set(point.train) == set(point.held_out) == {*loss, "loss"}
        assert all(math.isfinite(value) for value in point.train.values())


def test_state_that_was_saved_goes_on_to_the_same_bits(curved):
    settings = a_recipe(("infonce", "huber"), ("periods", "mask"), steps=37)
    with train.environment(settings.training):
        whole, loader, task = begun(settings, curved)
        saved = [whole.save()] + [state.save() for state in train.train(whole, loader, task)]
        for cut in (0, 1, 18, 36):
            state, loader, task = begun(settings, curved)
            state.restore(saved[cut])
            assert state.step == cut
            for _ in train.train(state, loader, task):
                pass
            assert torch.equal(weights(state), weights(whole))
            assert state.curve == whole.curve


def test_same_seed_gives_the_same_bits_and_another_seed_others(curved):
    first, again, another = (
        weights(recipe.fit(a_recipe(steps=20, seed=seed), (curved,), FIVE)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, another)


def test_training_leaves_the_state_of_torch_as_it_was(curved):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    recipe.fit(a_recipe(steps=2, seed=9), (curved,), FIVE)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_rate_is_that_of_torchs_one_cycle():
    settings = Training(steps=200, learning_rate=0.01)
    optimiser = torch.optim.SGD([torch.zeros(1)], 0.01)
    oracle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=200, pct_start=0.1)
    for step in range(200):
        assert train.rate(step, settings) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if step < 199:
            oracle.step()


def test_points_that_an_older_version_saved_are_left_out(curved):
    state = recipe.fit(a_recipe(steps=2), (curved,), FIVE)
    kept = state.curve[1:]
    state.curve[0] = CurvePoint(1, 0.5, None)  # it had the loss alone
    state.restore(state.save())
    assert state.curve == kept


def test_loss_that_is_no_number_names_step_and_pixels(curved):
    settings = a_recipe(learning_rate=1e30)
    with pytest.raises(
        DataError, match=r"loss of step \d+ is (nan|inf): pixels \d+, .* and 120 more"
    ):
        recipe.fit(settings, (curved,), FIVE)


def test_mixed_precision_trains_to_nearly_the_same(curved):
    ends = [
        recipe.fit(a_recipe(steps=60, precision=precision), (curved,), FIVE).curve[-1].train["loss"]
        for precision in ("float32", "bfloat16")
    ]
    assert ends[0] != ends[1]
    assert ends[1] == pytest.approx(ends[0], rel=0.1)


def test_points_of_the_curve_are_of_as_many_pixels_trained_on_as_held_out(curved):
    """InfoNCE of vectors that do not tell pixels apart is the log of their number: 100 of 1000."""
    x = torch.zeros(1000, 5)
    settings = a_recipe(("infonce",), steps=1, batch=900)
    (point,) = recipe.fit(replace(settings, views=Views(("mask",))), (x,), FIVE).curve
    assert point.train["infonce"] == pytest.approx(math.log(100))
    assert point.held_out["infonce"] == pytest.approx(math.log(100))


def test_loss_is_the_weighted_sum_of_its_terms(curved):
    settings = a_recipe(("infonce", "huber"), steps=1)
    weighted = replace(settings, objective=Objective(("infonce", "huber"), (0.5, 3.0)))
    (point,) = recipe.fit(weighted, (curved,), FIVE).curve
    for values in (point.train, point.held_out):
        expected = 0.5 * values["infonce"] + 3 * values["huber"]
        assert values["loss"] == pytest.approx(expected)


def test_terms_of_several_draws_are_the_mean_over_every_first_and_every_second_view(curved):
    """By hand, of the two pairs that the same generator draws."""
    settings = replace(a_recipe(("infonce",), ("mask",)), views=Views(("mask",), draws=2))
    state, task = recipe.begin(settings, torch.ones(5), FIVE, 64)
    batch = Batch(torch.arange(64), (curved[:64],), None, None)
    value = train._terms(state.model, batch, task, 7)["infonce"]
    random = torch.Generator().manual_seed(mixed(task.training.seed, 8))
    views = [
        [(curved[:64] * (torch.rand(64, 5, generator=random) >= 0.5)) for _ in range(2)]
        for _ in range(2)
    ]
    codes = [[state.model.code(view, random).z for view in pair] for pair in views]
    pairs = [(first, second) for first, _ in codes for _, second in codes]
    expected = torch.stack([contrastive.infonce(*pair, 0.2) for pair in pairs]).mean()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_training_of_several_draws_is_longer_where_more_is_hidden(curved):
    settings = replace(a_recipe(("infonce",), steps=0), views=Views(("mask",), 0.75, draws=2))
    _, task = recipe.begin(settings, torch.ones(5), FIVE, 100)
    assert task.training.steps == 2 * train.LEAST_STEPS


def test_without_pixels_held_out_their_loss_is_unknown(curved):
    curve = recipe.fit(a_recipe(steps=1, held_out=0), (curved,), FIVE).curve
    assert curve == [CurvePoint(1, curve[0].train, None)]


@pytest.mark.parametrize(
    "wrong",
    [{"steps": -1}, {"batch": -1}, {"held_out": 1.5}, {"precision": "half"}, {"device": "tpu"},
     {"weight_decay": -1.0}],
)  # fmt: skip
def test_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Training(**wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (a_recipe(views=("slots",)), "needs inputs=features"),
        (Recipe(objective=Objective(("kl",))), "variational=true"),
        (Recipe(Architecture(variational=True)), "goes with loss=kl"),
        (Recipe(Architecture(towers=("mean", "stddev"))), "towers needs inputs=features"),
        (a_recipe(views=("periods",)), "second store"),
        (a_recipe(("blind",)), "needs conditions"),
        (Recipe(objective=Objective(("infonce",), blind_to=("latitude",))), "goes with loss=blind"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        recipe.resolve(settings, 1, features=False)
