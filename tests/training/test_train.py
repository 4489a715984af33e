"""A training on phantoms: it learns, and one that was killed goes on as if it had not been."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from hcc_xai import load
from hcc_xai.cli.develop import recipe_at
from hcc_xai.dataset.folder import TARGET, leave_out, read_index
from hcc_xai.dataset.samples import Sample, cached_samples, load_sample, plain, sampling_weights
from hcc_xai.errors import ArgumentError, DataError
from hcc_xai.model.exact import immediate
from hcc_xai.model.network import Network, NetworkConfig, sector_of
from hcc_xai.phantoms.phantom import make, random_spec
from hcc_xai.training import loop
from hcc_xai.training import soup as mixing
from hcc_xai.training.augment import Shares, View, augment, quantiles
from hcc_xai.training.batches import Batch, Steps, batches, grade_of, hold_back
from hcc_xai.training.loop import mixed, train
from hcc_xai.training.losses import Truth, box_loss, losses, positive_maps, total, tversky_loss
from hcc_xai.training.make_bundle import make_bundle
from hcc_xai.training.pretrained import early, load_pretrained
from hcc_xai.training.recipe import Plan, TrainConfig

LABELS = ("normal", "benign", "malignant")
NETWORK = NetworkConfig(trunk="mobilenetv3_small_050", size=64, channels=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("data")
    rows = []
    for kind in ("images", "masks", "sectors"):
        (top / kind).mkdir()
    for index in range(12):
        label = LABELS[index % 3]
        shape = (96, 128) if index < 6 else (120, 120)
        phantom = make(random_spec(index, label=label, shape=shape))
        name = f"{label}_{index:03d}"
        mask = phantom.liver.astype(np.uint8) + phantom.lesion
        cv2.imwrite(str(top / "images" / f"{name}.png"), phantom.pixels)
        cv2.imwrite(str(top / "masks" / f"{name}.png"), mask)
        cv2.imwrite(str(top / "sectors" / f"{name}.png"), phantom.sector.astype(np.uint8) * 255)
        rows.append(
            {
                "name": name,
                "label": label,
                "stratum": "x".join(map(str, shape)),
                "group": index // 2,
                "fold": index % 2,
                "note": "",
            }
        )
    with (top / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return top


def test_a_killed_run_goes_on_with_nothing_lost(folder: Path, tmp_path: Path, monkeypatch) -> None:
    recipe = TrainConfig(epochs=3, batch=4, validation=0.25)
    records = read_index(folder)
    whole = load_file(train(folder, records, tmp_path / "whole", network=NETWORK, recipe=recipe))
    inner = loop.one_epoch

    def killed(run, *rest):
        if run.epoch == 1:
            raise KeyboardInterrupt
        return inner(run, *rest)

    monkeypatch.setattr(loop, "one_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(folder, records, tmp_path / "two", network=NETWORK, recipe=recipe)
    monkeypatch.setattr(loop, "one_epoch", inner)
    again = load_file(train(folder, records, tmp_path / "two", network=NETWORK, recipe=recipe))
    assert whole.keys() == again.keys()
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)
    curves = [json.loads((tmp_path / f / "curves.json").read_text()) for f in ("whole", "two")]
    assert curves[0] == curves[1] and len(curves[0]) == 3
    assert (tmp_path / "two" / "curves.png").stat().st_size > 5000
    with pytest.raises(DataError, match="another recipe"):
        train(
            folder,
            records,
            tmp_path / "two",
            network=NETWORK,
            recipe=TrainConfig(epochs=4, batch=4),
        )


def test_training_lowers_what_it_minimises_and_makes_a_bundle_that_answers(
    folder: Path, tmp_path: Path
) -> None:
    recipe = TrainConfig(epochs=12, batch=4, validation=0.0, rate=1e-2)
    weights = train(folder, read_index(folder), tmp_path, network=NETWORK, recipe=recipe)
    rows = json.loads((tmp_path / "curves.json").read_text())
    last = sum(row["organ"] for row in rows[-3:]) / 3
    assert last < 0.9 * rows[0]["organ"]
    pictures = sorted((folder / "images").iterdir())
    made = make_bundle(
        weights,
        tmp_path / "bundle",
        name="toy",
        network=NETWORK,
        training={"data": "phantoms", **recipe.to_dict()},
        licence="cc0-1.0",
        examples=pictures[:3],
    )
    analyzer = load(made, device="cpu")
    assert recipe_at(made) == recipe  # a bundle says how to train another
    answer = analyzer.analyze(pictures[0])
    assert set(answer.probabilities) == set(LABELS)
    assert all(value > 0 for value in analyzer.config.scales.values())
    assert analyzer.config.titles["malignant"] == {
        "en": "malignant liver mass",
        "es": "masa hepática maligna",
    }


def test_a_grade_that_does_not_count_is_not_learnt(folder: Path, tmp_path: Path) -> None:
    heads = []
    for grade in (0.0, 0.4):
        recipe = TrainConfig(epochs=1, batch=4, window=64, decay=0.0, evidence=0.0, grade=grade)
        out = tmp_path / str(grade)
        train(folder, read_index(folder), out, network=NETWORK, recipe=recipe)
        heads.append(load_file(out / "last.safetensors")["network/grade_head.weight"])
    torch.manual_seed(0)  # as a training starts
    start = Network(NETWORK).state_dict()["grade_head.weight"]
    assert torch.equal(heads[0], start) and not torch.equal(heads[1], start)


def test_grades_g1_to_g3_train_the_same_way(folder: Path, tmp_path: Path) -> None:
    names = dict(zip(LABELS, ("G1", "G2", "G3"), strict=True))
    graded = [replace(r, label=names[r.label]) for r in read_index(folder)]
    network = NetworkConfig(
        trunk="mobilenetv3_small_050", size=64, channels=8, labels=("G1", "G2", "G3")
    )
    weights = train(
        folder,
        graded,
        tmp_path,
        network=network,
        recipe=TrainConfig(epochs=1, batch=4, validation=0),
    )
    made = make_bundle(
        weights,
        tmp_path / "b",
        name="grades",
        network=network,
        training={},
        licence="cc0-1.0",
        examples=[],
    )
    answer = load(made, device="cpu").analyze(sorted((folder / "images").iterdir())[0])
    assert list(answer.probabilities) == ["G1", "G2", "G3"] and answer.config.positive is None
    assert answer.sentence("es")


def test_an_unknown_label_and_an_empty_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    network = NetworkConfig(
        trunk="mobilenetv3_small_050", size=64, channels=8, labels=("normal", "benign")
    )
    with pytest.raises(DataError, match="malignant"):
        train(folder, read_index(folder), tmp_path, network=network, recipe=TrainConfig())
    with pytest.raises(DataError, match=r"index\.csv"):
        read_index(tmp_path)
    with pytest.raises(DataError, match="nothing"):
        train(folder, [], tmp_path, network=NETWORK, recipe=TrainConfig())


def test_what_is_held_back_shares_no_group_with_what_is_fitted(folder: Path) -> None:
    fitted, held = hold_back(read_index(folder), share=0.3, seed=1)
    assert held and len(fitted) + len(held) == 12
    assert not {r.group for r in fitted} & {r.group for r in held}


def test_sampling_balances_the_classes_within_a_frame_size(folder: Path) -> None:
    records = [r for r in read_index(folder) for _ in range(3 if r.label == "malignant" else 1)]
    weights = sampling_weights(records)
    share = {
        x: sum(w for w, r in zip(weights, records, strict=True) if r.label == x) for x in LABELS
    }
    assert weights.sum() == pytest.approx(1)
    assert share["malignant"] < 0.45  # 0.6 of the images


def test_augmentation_is_seeded_and_keeps_picture_and_mask_together(folder: Path) -> None:
    sample = load_sample(folder, read_index(folder)[2], size=64)
    first = augment(sample, 64, np.random.default_rng(5))
    again = augment(sample, 64, np.random.default_rng(5))
    np.testing.assert_array_equal(first.input, again.input)
    assert (first.target[first.input < 0] == 0).all()
    # A lesion painted white must stay under its mask, wherever both are moved.
    grey = np.where(sample.target == TARGET, 255, 20).astype(np.uint8) * sample.drawn
    white = replace(sample, grey=grey, hidden=grey, elsewhere=grey)
    seen = [augment(white, 64, np.random.default_rng(s), window=48) for s in range(12)]
    shown = [v for v in seen if (v.target == TARGET).sum() > 20]
    assert len(shown) > 4
    for view in shown:
        x, lesion = view.input, view.target == TARGET
        assert x.shape == (48, 48)
        assert x[lesion].mean() > x[~lesion & (x >= 0)].mean() + 0.2


def test_quantiles_are_numpys() -> None:
    rng, steps = np.random.default_rng(0), np.linspace(0, 1, 65)
    for count in (1, 2, 3, 64, 5001):
        grey = rng.normal(90, 60, count).clip(0, 255).astype(np.uint8)
        assert np.array_equal(quantiles(grey, steps), np.quantile(grey, steps))


def same(one: Batch, other: Batch) -> bool:
    pairs = zip((one.input, *one.truth), (other.input, *other.truth), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def truth_of(targets: torch.Tensor, labels: list[int], **changed: torch.Tensor) -> Truth:
    """Truth of pictures whose outlines are all drawn."""
    yes = torch.ones(len(labels), dtype=torch.bool)
    hot = torch.nn.functional.one_hot(torch.tensor(labels), len(LABELS)).float()
    return Truth(targets, hot, yes.float(), yes, yes, ~yes)._replace(**changed)


def test_batches_made_ahead_come_in_their_order(folder: Path, monkeypatch) -> None:
    records = read_index(folder)
    samples = cached_samples(folder, records, size=64)
    plan = Plan(NETWORK, TrainConfig(batch=3))
    steps = Steps(samples, plan, steps=4, rng=np.random.default_rng(7))
    for ahead in (1, 3, 9):
        monkeypatch.setattr(torch, "get_num_threads", lambda ahead=ahead: ahead)
        with ThreadPoolExecutor(ahead) as pool:
            made = list(batches(steps, torch.device("cpu"), pool))
        assert len(made) == 4
        for batch, alone in zip(made, map(steps.__getitem__, range(4)), strict=True):
            assert same(batch, alone)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_is_given_the_same_batches(folder: Path) -> None:
    samples = cached_samples(folder, read_index(folder), size=64)
    plan = Plan(NETWORK, TrainConfig(batch=3))
    steps = Steps(samples, plan, steps=4, rng=np.random.default_rng(7))
    with ThreadPoolExecutor(1) as pool:
        for index, batch in enumerate(batches(steps, torch.device("cuda"), pool)):
            assert same(batch, steps[index])


def test_a_view_says_how_much_of_the_lesion_it_shows(folder: Path) -> None:
    sample = load_sample(folder, read_index(folder)[2], size=64)
    whole = [augment(sample, 64, np.random.default_rng(s), shares=Shares(hidden=0)) for s in (1, 2)]
    assert all(v.lesion_seen > 0.5 for v in whole)
    never = augment(sample, 64, np.random.default_rng(1), shares=Shares(hidden=1))
    assert np.isnan(never.lesion_seen) and not (never.target == TARGET).any()
    windows = [
        augment(sample, 64, np.random.default_rng(s), window=32, shares=Shares(hidden=0))
        for s in range(40)
    ]
    for view in windows:
        assert (view.lesion_seen > 0) == (view.target == TARGET).any()
    assert any(v.lesion_seen == 0 for v in windows) and any(v.lesion_seen > 0.8 for v in windows)


def test_a_view_without_the_lesion_is_a_normal_one_and_a_part_of_it_does_not_count(
    folder: Path,
) -> None:
    sample = load_sample(folder, read_index(folder)[2], size=64)  # malignant
    network = replace(NETWORK, absent="normal")
    empty = np.zeros((64, 64), np.uint8)
    x = np.zeros((64, 64), np.float32)
    for seen, wanted in ((1.0, (2, 1.0)), (0.1, (2, 0.0)), (0.0, (0, 1.0)), (np.nan, (0, 1.0))):
        labels, counts = grade_of(sample, View(x, empty, seen), network)
        assert (labels.tolist().index(1), counts) == wanted and labels.sum() == 1
    assert grade_of(sample, View(x, empty, 0.0), NETWORK)[1] == 0.0  # no such label
    normal = load_sample(folder, read_index(folder)[0], size=64)
    labels, counts = grade_of(normal, View(x, empty, np.nan), network)
    assert labels.tolist() == [1, 0, 0] and counts == 1.0


def test_cached_samples_are_the_same_and_a_changed_picture_is_read_anew(
    folder: Path, tmp_path: Path
) -> None:
    records = read_index(folder)[:3]
    fresh = cached_samples(folder, records, size=64)
    kept = [cached_samples(folder, records, size=64, cache=tmp_path) for _ in range(2)]
    for first, *others in zip(fresh, *kept, strict=True):
        for other in others:
            assert first.record == other.record
            for name in ("grey", "target", "sector", "drawn", "filled", "hidden", "elsewhere"):
                np.testing.assert_array_equal(getattr(first, name), getattr(other, name))
    assert len(list(tmp_path.iterdir())) == 3
    cached_samples(folder, records, size=96, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


def test_leaving_out_a_fold_or_a_frame_size(folder: Path) -> None:
    records = read_index(folder)
    assert leave_out(records, None).name == "all"
    fold, stratum = leave_out(records, 1), leave_out(records, "96x128")
    assert {r.fold for r in fold.records} == {0} and fold.about == {"left_out_fold": 1}
    assert {r.stratum for r in stratum.records} == {"120x120"}
    assert stratum.name == "without-96x128"
    with pytest.raises(DataError, match="no stratum 7x7"):
        leave_out(records, "7x7")


def test_the_early_stages_of_a_pretrained_trunk_stay_as_they_are(
    folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    start = Network(NETWORK)
    save_file(start.trunk.state_dict(), tmp_path / "trunk.safetensors")
    frozen = early(start)
    assert frozen and len(frozen) < len(list(start.trunk.parameters()))
    weights = train(
        folder,
        read_index(folder),
        tmp_path / "run",
        network=NETWORK,
        recipe=TrainConfig(epochs=1, batch=4),
        pretrained=tmp_path / "trunk.safetensors",
    )
    after, before = load_file(weights), start.state_dict()
    moved = {n for n, _ in start.trunk.named_parameters() if not torch.equal(
        after[f"trunk.{n}"], before[f"trunk.{n}"])}  # fmt: skip
    assert not moved & frozen and moved
    # What `train` wrote is itself something to start from.
    assert load_pretrained(Network(NETWORK), weights) == len(after)


def test_the_evidence_loss_sees_where_the_contribution_lies() -> None:
    torch.manual_seed(0)
    network = Network(NETWORK)
    x = torch.rand(2, 1, 64, 64)
    shared, sector = torch.zeros(2, 8, 16, 16), sector_of(x)
    shared[0, :, 4:8, 4:8] = 1  # inside the lesion
    shared[1, :, 10:14, 10:14] = 1  # elsewhere
    targets = torch.zeros(2, 64, 64, dtype=torch.uint8)
    targets[:, 16:32, 16:32] = 2
    with torch.no_grad():
        network.grade_head.weight.zero_()[2] = 1.0
    out = network.heads(shared, sector)
    truth = truth_of(targets, [2, 2])
    both = losses(out, shared, network, sector, truth)["evidence"]
    assert both.item() == pytest.approx(0.5, abs=1e-4)


def test_what_is_not_outlined_is_not_learned_and_a_box_is_touched_not_filled() -> None:
    torch.manual_seed(0)
    network = Network(NETWORK)
    x = torch.rand(2, 1, 64, 64)
    shared, sector = network.features(x), sector_of(x)
    out = network.heads(shared, sector)
    targets = torch.zeros(2, 64, 64, dtype=torch.uint8)
    targets[:, 16:32, 16:40] = 2
    no = torch.zeros(2, dtype=torch.bool)
    unknown = truth_of(targets, [2, 2], organ=no, own=no)
    nothing = losses(out, shared, network, sector, unknown)
    assert nothing["organ"] == nothing["target"] == 0
    weak = losses(out, shared, network, sector, unknown._replace(weak=~no))
    assert weak["target"] > 0 and weak["organ"] == 0

    box = torch.zeros(4, 64, 64)
    box[:, 16:32, 16:40] = 1
    rows, cols = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    ellipse = ((rows - 23.5) / 8) ** 2 + ((cols - 27.5) / 12) ** 2 < 1
    half, beside = box[0] * (cols < 28), torch.roll(ellipse, 20, 0)
    masks = torch.stack([ellipse.float(), half, beside.float(), torch.zeros(64, 64)])
    values = box_loss(20 * masks - 10, box)
    assert values[0] < 0.02 and (values[1:] > values[0] + 0.1).all()  # a good fit, and worse ones


def test_labels_that_may_hold_together_are_learned_one_by_one() -> None:
    config = replace(NETWORK, multiple=True, masks=(), target=None)
    network, x = Network(config), torch.rand(2, 1, 64, 64)
    targets = torch.zeros(2, 64, 64, dtype=torch.uint8)
    shared, sector = network.features(x), sector_of(x)
    out = network.heads(shared, sector)
    two = truth_of(targets, [0, 1])._replace(
        labels=torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    )
    grade = losses(out, shared, network, sector, two)["grade"]
    right = out._replace(logits=20 * two.labels - 10)
    wrong = out._replace(logits=10 - 20 * two.labels)
    good, bad = (losses(o, shared, network, sector, two)["grade"] for o in (right, wrong))
    assert good < grade < bad
    weight, _ = network.grade_weights()
    assert weight.sum(0).abs().max() > 1e-3  # not centred: one label takes nothing from another


def test_the_loss_reads_the_maps_that_an_answer_shows() -> None:
    torch.manual_seed(0)
    network, labels = Network(NETWORK).eval(), torch.tensor([0, 2])
    x = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        shared = network.features(x)
        out = network.heads(shared, sector_of(x))
        maps = immediate(shared, out.pools, network.grade_weights()[0])
        read = positive_maps(out, shared, network, labels)
    for mine, shown in zip(read, (maps.contribution, maps.grad_cam_pp), strict=True):
        of_label = shown[torch.arange(2), labels].clamp(min=0)
        assert of_label.max() > 0
        torch.testing.assert_close(mine, of_label, rtol=1e-4, atol=1e-7)


def test_the_sum_of_the_losses_is_weighted_as_the_recipe_says() -> None:
    parts = {
        k: torch.tensor(v)
        for k, v in (("grade", 3.0), ("organ", 5.0), ("target", 7.0), ("evidence", 11.0))
    }
    assert total(parts) == 15 and total(parts, grade=2.0) == 18
    assert total(parts, grade=0.0, evidence=0.5) == 17.5


def test_a_colour_stem_is_summed_to_grey(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    colour = timm.create_model("mobilenetv3_small_050", features_only=True, pretrained=False)
    save_file(colour.state_dict(), tmp_path / "trunk.safetensors")
    network = Network(NETWORK)
    load_pretrained(network, tmp_path / "trunk.safetensors")
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        for mine, theirs in zip(
            network.trunk.eval()(grey), colour.eval()(grey.repeat(1, 3, 1, 1)), strict=True
        ):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="fits 0"):
        load_pretrained(network, tmp_path / "other.safetensors")


def test_plain_samples_are_evened_out(folder: Path) -> None:
    sample = load_sample(folder, read_index(folder)[0], size=64)
    x, target = plain(sample, 64)
    assert x[x >= 0].mean() == pytest.approx(0.45, abs=0.03)
    assert target.shape == x.shape == (64, 64)


def test_a_search_keeps_every_trial_and_goes_on_after_a_kill(
    folder: Path, tmp_path: Path, monkeypatch
) -> None:
    import optuna

    import hcc_xai.training.tune as tuning

    recipe = TrainConfig(epochs=2, batch=4, soup=({}, {"seed": 1}), erase=1)
    inner = tuning.train
    calls = []

    def killed(*args, **options):
        calls.append(options["recipe"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return inner(*args, **options)

    monkeypatch.setattr(tuning, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        tuning.tune(folder, tmp_path, network=NETWORK, trials=3, recipe=recipe)
    monkeypatch.setattr(tuning, "train", inner)
    best = tuning.tune(folder, tmp_path, network=NETWORK, trials=3, recipe=recipe)
    study = optuna.load_study(study_name="recipe", storage=f"sqlite:///{tmp_path}/study.sqlite3")
    ended = [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]
    assert len(ended) == 3
    assert ended[0].params["rate"] == recipe.rate  # what was there is tried first
    assert any(t.params["rate"] == calls[1].rate for t in ended[1:])  # what was killed is redone
    assert calls[0].validation > 0 and best.validation == 0
    assert {k: getattr(best, k) for k in study.best_params} == study.best_params
    assert TrainConfig.from_dict(json.loads((tmp_path / "best.json").read_text())) == best
    assert (tmp_path / "study.png").stat().st_size > 3000
    again = tuning.tune(folder, tmp_path, network=NETWORK, trials=3, recipe=recipe)
    assert again == best  # nothing is left to do
    with pytest.raises(DataError, match="at least 1"):
        tuning.tune(folder, tmp_path, network=NETWORK, trials=0)


def test_half_precision_only_where_the_device_computes_in_it(monkeypatch) -> None:
    cpu = torch.device("cpu")
    for able in (True, False):
        known = {"avx512_bf16": able, "amx_bf16": False}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=known: known, raising=False)
        assert mixed(cpu)._enabled == able


def test_a_soup_is_the_mean_of_its_networks_with_norms_of_its_own(
    folder: Path, tmp_path: Path
) -> None:
    records = read_index(folder)
    soup = ({"seed": 1}, {"epochs": 1, "grade": 0.4})
    recipe = TrainConfig(epochs=2, batch=4, window=64, soup=soup)
    assert TrainConfig.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert [(one.epochs, one.seed, one.grade, one.soup) for one in recipe.networks] == [
        (2, 1, 1.0, ()),
        (1, 0, 0.4, ()),
    ]
    said: list[str] = []
    weights = train(folder, records, tmp_path, network=NETWORK, recipe=recipe, report=said.append)
    assert recipe.all_epochs == len(said) == 3
    mean = load_file(weights)
    made = [load_file(tmp_path / f"network-{i}" / "best.safetensors") for i in (0, 1)]
    for name in ("mask_head.weight", "grade_head.weight"):
        assert not torch.equal(made[0][name], made[1][name])
        assert torch.allclose(mean[name], (made[0][name] + made[1][name]) / 2)
    counts = [v for k, v in mean.items() if k.endswith("num_batches_tracked")]
    assert counts and all(v == mixing.SETTLE for v in counts)
    # The statistics are those of what the mean weights make of views like those in training.
    network = Network(NETWORK)
    network.load_state_dict(mean)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    samples = cached_samples(folder, records, size=NETWORK.size)
    views = [
        augment(s, NETWORK.size, np.random.default_rng(i), window=64, style=samples[0])
        for i, s in enumerate(samples * 4)
    ]
    seen: list[torch.Tensor] = []
    norms[-1].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        network.eval()(torch.from_numpy(np.stack([v.input for v in views]))[:, None])
    own = seen[0].mean((0, 2, 3))
    away = (norms[-1].running_mean - own).abs() / seen[0].std((0, 2, 3))
    assert away.max() < 0.15, away


def test_a_soup_keeps_the_norms_of_frozen_stages(folder: Path, tmp_path: Path) -> None:
    start = Network(NETWORK).state_dict()
    save_file({k: v.contiguous() for k, v in start.items()}, tmp_path / "start.safetensors")
    weights = train(
        *(folder, read_index(folder), tmp_path / "run"),
        network=NETWORK,
        recipe=TrainConfig(epochs=1, batch=4, window=64, soup=({}, {"seed": 1})),
        pretrained=tmp_path / "start.safetensors",
    )
    mean, network = load_file(weights), Network(NETWORK)
    frozen = [n for n in early(network) if f"trunk.{n[:-6]}running_mean" in mean]
    assert frozen and all(
        torch.equal(mean[k], start[k]) for k in (f"trunk.{n[:-6]}running_mean" for n in frozen)
    )
    assert any(not torch.equal(mean[k], start[k]) for k in mean if k.endswith("running_mean"))


def test_a_soup_is_erased_as_its_recipe_says(folder: Path, tmp_path: Path, monkeypatch) -> None:
    asked: list[tuple[int, int]] = []

    def erased(network: Network, samples: list[Sample], directions: int) -> None:
        asked.append((len(samples), directions))
        counts = [b for n, b in network.named_buffers() if n.endswith("num_batches_tracked")]
        assert all(count == mixing.SETTLE for count in counts)  # its norms are there
        torch.nn.init.constant_(network.grade_head.bias, 7.0)

    monkeypatch.setattr(mixing, "erase", erased)
    recipe = TrainConfig(epochs=1, batch=4, window=64, soup=({}, {"seed": 1}), erase=2)
    assert [one.erase for one in recipe.networks] == [0, 0]
    weights = train(folder, read_index(folder), tmp_path, network=NETWORK, recipe=recipe)
    assert asked == [(12, 2)] and (load_file(weights)["grade_head.bias"] == 7).all()
    with pytest.raises(ArgumentError, match="soup of one"):
        replace(recipe, soup=())
    for odd in (-1, 1.5, "1"):
        with pytest.raises(ArgumentError, match="number of directions"):
            TrainConfig.from_dict({**recipe.to_dict(), "erase": odd})


def test_a_run_goes_on_whose_recipe_lacks_what_is_new(folder: Path, tmp_path: Path) -> None:
    recipe = TrainConfig(epochs=1, batch=4, window=64)
    start = (folder, read_index(folder), tmp_path)
    train(*start, network=NETWORK, recipe=recipe)
    last = tmp_path / "last.safetensors"
    with safe_open(str(last), framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    del about["recipe"]["erase"]
    save_file(load_file(last), last, {"about": json.dumps(about)})
    said: list[str] = []
    train(*start, network=NETWORK, recipe=recipe, report=said.append)
    assert not said  # it had ended


def test_too_large_an_outline_costs_more_than_one_as_much_too_small() -> None:
    truth = torch.zeros(1, 32, 32)
    truth[:, 8:24, 8:24] = 1
    large, small = torch.full_like(truth, -9.0), torch.full_like(truth, -9.0)
    large[:, 6:26, 6:26] = small[:, 10:22, 10:22] = 9  # 144 pixels beyond, 112 missed
    for over, dearer in ((0.6, True), (0.2, False)):
        costs = [float(tversky_loss(found, truth, over)) for found in (large, small)]
        assert (costs[0] > costs[1]) is dearer
