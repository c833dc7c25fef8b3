"""The training loop: equal to a plain loop, resumed exactly, stopped where it must."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from retroprop.byhand.schedules import warmup_cosine
from retroprop.errors import UserError
from retroprop.models.catalog import MODELS, build
from retroprop.randomness import generator
from retroprop.studies.kinds import optimizers_of
from retroprop.training.devices import choose_device, faster_threads
from retroprop.training.image_sets import ImageSet
from retroprop.training.settings import RunSettings
from retroprop.training.trainer import Trainer, load_weights

SHAPE = (3, 12, 12)
OPTIONS = {
    "mlp": {"hidden_sizes": (16, 8)},
    "cnn": {"n_channels": (4, 6), "dense_hiddens": (8,)},
    "resnet18": {"widths": (4, 6, 8, 10)},
    "mlp-mixer": {"patch_size": 4, "embed_dim": 8, "num_blocks": 2, "drop_rate": 0.2},
}


def images(n=50, seed=0):
    """Four classes that differ in brightness, so that a few steps learn something."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 4
    noise = torch.randn(n, 3, 12, 12, generator=g)
    return ImageSet(images=noise + labels[:, None, None, None], labels=labels, n_classes=4)


def trainer(kind="mlp", options=None, train=None, **changes):
    model = build(kind, SHAPE, 4, OPTIONS[kind] if options is None else options, seed=3)
    values = {"epochs": 4, "batch_size": 16, "optimizer": "adam", "learning_rate": 0.01} | changes
    return Trainer(model, train or images(), images(21, seed=1), RunSettings(**values))


def numbers(history):
    """All that two trainings must have in common: everything but the seconds."""
    return [{k: v for k, v in vars(e).items() if not k.endswith("_s")} for e in history]


def equal(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


# --- the loop against a plain one -----------------------------------------------------------------

PLAIN = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(
        p, lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.1
    ),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", optimizers_of("trainer"))
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_loop_makes_the_steps_of_a_plain_one(kind, optimizer):
    ours = trainer(
        kind, optimizer=optimizer, weight_decay=0.1, momentum=0.8, schedule="warmup-cosine"
    )
    model, train = copy.deepcopy(ours.model), images()
    plain = PLAIN[optimizer](model.parameters())
    ours.advance()
    step = 0
    for epoch in (1, 2):
        result = ours.advance()
        norms = []
        order = torch.randperm(50, generator=generator("minibatches", 0, epoch))
        for chosen in order.split(16):
            factor = warmup_cosine(step, warmup_steps=0, total_steps=16)
            plain.param_groups[0]["lr"] = 0.01 * factor
            plain.zero_grad()
            F.cross_entropy(model(train.images[chosen]), train.labels[chosen]).backward()
            norms.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item())
            plain.step()
            step += 1
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(ours.model.state_dict()[name], tensor, rtol=1e-4, atol=1e-6)
        assert result.gradient_norm == pytest.approx(sum(norms) / 4, rel=1e-4)
        with torch.no_grad():
            z = model(train.images)
        assert result.train_loss == pytest.approx(F.cross_entropy(z, train.labels).item(), rel=1e-4)
        hits = (z.argmax(1) == train.labels).double().mean()
        assert result.train_accuracy == pytest.approx(hits.item())


def test_the_clamped_loss_is_that_of_cut_probabilities():
    train = images()
    train.images[:10] *= 1000  # softmax gives 0 and 1 there
    ours = trainer(train=train, loss="clamped-cross-entropy")
    p = ours.model(train.images).softmax(1).clamp(1e-9, 1 - 1e-9)
    expected = F.nll_loss(p.log(), train.labels)
    assert ours.advance().train_loss == pytest.approx(expected.item(), rel=1e-5)
    assert expected > 2  # some are cut
    z = torch.tensor([[0.0, 100.0]], requires_grad=True)
    ours._summed_loss(z, torch.tensor([0])).backward()
    assert torch.equal(z.grad, torch.zeros_like(z))  # nothing is learnt beyond the cut


def test_unshuffled_minibatches_come_as_the_images_lie():
    ours = trainer(shuffle=False)
    seen = torch.cat([y for _, y, _ in ours.minibatches(1)])
    assert torch.equal(seen, images().labels)
    shuffled = torch.cat([x for x, _, _ in trainer().minibatches(1)])
    assert not torch.equal(shuffled, images().images)
    assert torch.equal(
        shuffled.flatten(1).sum(1).sort().values, images().images.flatten(1).sum(1).sort().values
    )


def test_clipping_shortens_long_gradients_and_reports_their_length():
    free, clipped = (
        trainer(optimizer="sgd", clip_norm=limit, learning_rate=1.0, epochs=1, batch_size=50)
        for limit in (None, 0.01)
    )
    before = torch.cat([p.detach().flatten().clone() for p in clipped.model.parameters()])
    norms = [one.fit()[1].gradient_norm for one in (free, clipped)]
    after = torch.cat([p.detach().flatten() for p in clipped.model.parameters()])
    assert norms[0] == norms[1] > 0.01
    assert (after - before).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_label_smoothing_is_for_training_only():
    plain, smooth = trainer(), trainer(label_smoothing=0.5)
    assert plain.advance().train_loss == smooth.advance().train_loss
    assert plain.advance().train_loss != smooth.advance().train_loss


def test_running_metrics_are_those_of_the_minibatches():
    result = trainer(optimizer="sgd", learning_rate=1e-12, train_metrics="running").fit()[1]
    assert result.train_loss == pytest.approx(trainer().advance().train_loss, rel=1e-5)


# --- every model ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_every_model_learns_32_images_by_heart(kind):
    few = images(32)
    options = OPTIONS[kind] | ({"drop_rate": 0.0} if kind == "mlp-mixer" else {})
    ours = trainer(kind, options, train=few, epochs=60, batch_size=16)
    last = ours.fit()[-1]
    assert last.train_accuracy == 1, last
    assert all(p.grad is not None and p.grad.isfinite().all() for p in ours.model.parameters())


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("optimizer", ["nesterov", "adamw"])
def test_resuming_matches_an_uninterrupted_run(tmp_path, kind, optimizer):
    more = {
        "optimizer": optimizer,
        "augmentation": "flip-crop",
        "schedule": "warmup-cosine",
        "train_metrics": "running",
        "channels_last": kind == "resnet18",
    }
    whole, first, second = (trainer(kind, **more) for _ in range(3))
    whole.fit()
    for _ in range(3):
        first.advance()
    first.save(tmp_path / "last.safetensors", about="a test")
    torch.manual_seed(99)  # what else draws numbers does not matter
    second.load(tmp_path / "last.safetensors", about="a test")
    second.fit()
    assert equal(whole.model.state_dict(), second.model.state_dict())
    assert equal(whole.best, second.best)
    assert whole.best_epoch == second.best_epoch
    assert numbers(whole.history) == numbers(second.history)


def test_the_best_parameters_are_a_copy_of_their_epoch():
    ours = trainer(optimizer="sgd", learning_rate=0.05)
    states = []
    while not ours.done:
        ours.advance()
        states.append(copy.deepcopy(ours.model.state_dict()))
    accuracies = [epoch.validation_accuracy for epoch in ours.history]
    assert ours.best_epoch == accuracies.index(max(accuracies))
    assert equal(ours.best, states[ours.best_epoch])


# --- stopping -------------------------------------------------------------------------------------


def test_a_diverging_run_is_reported_and_stops():
    ours = trainer("cnn", optimizer="sgd", learning_rate=1e9, epochs=10)
    history = ours.fit()
    assert ours.diverged_epoch == history[-1].epoch < 10
    assert not math.isfinite(history[-1].train_loss)
    assert ours.best_epoch < ours.diverged_epoch
    assert all(tensor.isfinite().all() for tensor in ours.best.values())


def test_patience_stops_a_run_that_does_not_improve():
    ours = trainer(optimizer="sgd", learning_rate=1e-12, epochs=50, patience=3)
    assert len(ours.fit()) == 1 + 3
    assert trainer(optimizer="sgd", learning_rate=1e-12, epochs=5).fit()[-1].epoch == 5


def test_out_of_memory_names_a_batch_size_that_fits(monkeypatch):
    ours = trainer()
    forward = ours.model.forward

    def small(x):
        if len(x) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(x)

    monkeypatch.setattr(ours.model, "forward", small)
    with pytest.raises(UserError, match=r"batch_size 16; batch_size 4 fits"):
        ours.advance()


@pytest.mark.parametrize("fails", [False, True])
def test_choosing_the_threads_leaves_the_model_as_it_was(monkeypatch, fails):
    ours = trainer("resnet18")
    before = {name: tensor.clone() for name, tensor in ours.model.state_dict().items()}
    if fails:
        monkeypatch.setattr(
            ours.model.linear, "forward", lambda _: (_ for _ in ()).throw(MemoryError())
        )
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    try:
        assert faster_threads(ours.model, ours.train.first(20), ours.precision(), 1) == 1
        chosen = faster_threads(ours.model, ours.train.first(20), ours.precision(), 2)
        assert chosen in ((1,) if fails else (1, 2))
    finally:
        torch.set_num_threads(threads)
    assert equal(before, ours.model.state_dict())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in ours.model.parameters())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what torch itself imports
def test_a_missing_compiler_is_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "no-such-compiler"))
    ours = trainer(compile=True)
    ours.advance()  # evaluating needs no compiler
    with pytest.raises(UserError, match=r"torch cannot compile the model \(InvalidCxxCompiler: No"):
        ours.advance()


def test_an_error_that_is_not_about_memory_is_not_explained_away(monkeypatch):
    ours = trainer()
    monkeypatch.setattr(ours.model, "forward", lambda x: x @ x[:, :, :5])
    with pytest.raises(RuntimeError, match="size"):
        ours.advance()


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer": "adma"}, "unknown optimizer 'adma'. Did you mean 'adam'"),
        ({"learning_rate": 0.0}, "learning_rate must be greater than 0, and got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be"),
        ({"momentum": 1.0}, "momentum must be less than 1, and got 1.0"),
        ({"epochs": 0}, "epochs must be greater than or equal to 1, and got 0"),
        ({"batch_size": 51}, "larger than the 50 training images; use at most 50"),
        (
            {"precision": "float16"},
            "precision must be 'float32', 'float64' or 'bfloat16'",
        ),
        ({"clip_norm": 0.0}, "clip_norm must be greater than 0"),
        ({"patience": 0}, "patience must be greater than or equal to 1"),
        ({"seed": -1}, "seed must be greater than or equal to 0, and got -1"),
        (
            {"schedule": "cosine"},
            "must be 'constant' or 'warmup-cosine', and got 'cosine'",
        ),
        (
            {"loss": "squared"},
            "loss must be 'cross-entropy' or 'clamped-cross",
        ),
        ({"train_metrics": "runnig"}, "must be 'evaluated' or 'running', and got 'runnig'"),
        ({"precision": "float64"}, "computes in float32 or bfloat16, and got float64"),
        ({"gradient": "sum"}, "learns from the mean gradient of a minibatch, and got sum"),
        ({"optimizer": "nesterov", "momentum": 0.0}, "nesterov needs a momentum above 0"),
    ],
)
def test_a_setting_that_cannot_be_trained_is_refused(changes, sentence):
    with pytest.raises(UserError) as raised:
        trainer(**changes)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "shape", "options", "sentence"),
    [
        ("resnet", SHAPE, {}, "Did you mean 'resnet18'"),
        ("mlp", SHAPE, {"hiden_sizes": (3,)}, "Did you mean 'hidden_sizes'"),
        ("mlp", SHAPE, {"initialization": "xaver"}, "Did you mean 'xavier'"),
        ("resnet18", SHAPE, {"width": 3}, "no option 'width'"),
        ("resnet18", (1, 28, 28), {}, "3 channels, and got 1"),
        ("mlp-mixer", SHAPE, {"patch_size": 5}, "patch_size 5 does not divide image size 12"),
        ("mlp", SHAPE, {"activation": "rleu"}, "relu"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(kind, shape, options, sentence):
    with pytest.raises(UserError) as raised:
        build(kind, shape, 4, options)
    assert sentence in str(raised.value)


def test_labels_out_of_range_are_refused():
    with pytest.raises(UserError, match=r"from 0 to 2, and got 0 to 3"):
        ImageSet(images=torch.zeros(4, 1, 2, 2), labels=torch.arange(4), n_classes=3)


def test_weights_of_another_architecture_are_refused():
    mlp, cnn = (build(kind, SHAPE, 4, OPTIONS[kind]) for kind in ("mlp", "cnn"))
    with pytest.raises(UserError, match=r"another architecture: it has 'conv1.bias'"):
        load_weights(mlp, cnn.state_dict(), "x.safetensors")
    wide = build("mlp", SHAPE, 4, {"hidden_sizes": (17, 8)})
    with pytest.raises(UserError, match=r"\(17, 432\) and not \(16, 432\)"):
        load_weights(mlp, wide.state_dict(), "x.safetensors")


def test_a_gpu_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="no CUDA GPU was found"):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"
