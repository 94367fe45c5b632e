import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest

from reinspect.training.comparator.parts import (
    PROCESSES,
    SIDE,
    forget_before,
    read_shard,
    render,
    shard_file,
    write_shards,
)
from reinspect.training.comparator.renderers import Renderers
from support.starting import marking


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(folder, 7, iter(range(1)))
    return folder


@pytest.fixture(scope="module")
@marking(pytest.mark.model, pytest.mark.needs("torch"))
def torch() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.mark.slow
def test_a_shard_is_the_same_whoever_renders_it(shards: Path) -> None:
    read, made = read_shard(shards, 0), render(7, 0)
    for one, other in ((read.sound, made.sound), (read.seen, made.seen), (read.masks, made.masks)):
        np.testing.assert_array_equal(one, other)
    assert read.sound.shape == (PROCESSES, 5, SIDE, SIDE, 3)
    assert 0.3 < read.masks.any(axis=(2, 3)).mean() < 1


def test_waiting_for_a_shard_ends(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"000003\.npz"):
        read_shard(tmp_path, 3, patience=0.1)


def test_shards_are_forgotten_once_used(tmp_path: Path) -> None:
    for index in range(5):
        shard_file(tmp_path, index).touch()
    forget_before(tmp_path, 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000003.npz", "000004.npz"]
    forget_before(tmp_path, 0)
    assert len(list(tmp_path.iterdir())) == 2


def test_shards_of_another_time_do_not_stop_rendering(tmp_path: Path) -> None:
    for index in (1, 2, 900, 901):  # a gap before what is needed, and more behind it
        shard_file(tmp_path, index).touch()
    forget_before(tmp_path, 5)
    write_shards(tmp_path, 7, iter([900, 5]), ahead=1)
    assert read_shard(tmp_path, 5, patience=0).seen.shape[0] == PROCESSES


@pytest.mark.process
@pytest.mark.slow
def test_a_renderer_that_dies_is_replaced(tmp_path: Path) -> None:
    others = set(multiprocessing.active_children())
    with Renderers(tmp_path, 7, 3) as renderers:
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
            child.join()
        shard = read_shard(tmp_path, 3, waiting=renderers.tend)
    assert shard.sound.shape[0] == PROCESSES
    assert not set(multiprocessing.active_children()) - others


@pytest.mark.process
@pytest.mark.slow
def test_a_renderer_that_keeps_dying_is_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.touch()  # a file, so that nothing can be rendered into it
    with (
        Renderers(folder, 7, 3, count=2) as renderers,
        pytest.raises(ChildProcessError, match=r"000003\.npz: its renderer died 3 times"),
    ):
        read_shard(folder, 3, waiting=renderers.tend)


@pytest.mark.slow
@pytest.mark.usefixtures("torch")
class TestTraining:
    @pytest.mark.parametrize(
        ("minutes", "steps"),
        [
            pytest.param(None, None, id="neither"),
            pytest.param(1.0, 5, id="both"),
            pytest.param(-1.0, None, id="less-than-nothing"),
        ],
    )
    def test_a_plan_lasts_some_time(
        self, minutes: float | None, steps: int | None, tmp_path: Path
    ) -> None:
        from reinspect.training.comparator.train import ComparatorPlan

        with pytest.raises(ValueError, match=r"(either|longer)"):
            ComparatorPlan(tmp_path, minutes=minutes, steps=steps)

    @pytest.mark.parametrize(
        ("device", "said"),
        [
            pytest.param("gpu", "'gpu' is neither cpu nor cuda", id="unknown"),
            pytest.param("cuda:x", "'cuda:x' is neither", id="no-number"),
            pytest.param("cuda:99", r"not there: torch sees \d+ GPUs", id="not-there"),
        ],
    )
    def test_a_device_that_is_not_there_is_refused(
        self, device: str, said: str, tmp_path: Path
    ) -> None:
        from reinspect.training.comparator.train import ComparatorPlan

        with pytest.raises(ValueError, match=said):
            ComparatorPlan(tmp_path, steps=1, device=device)

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"torn", id="torn"),
            pytest.param(pickle.dumps(print, 2), id="a program"),
        ],
    )
    def test_a_broken_checkpoint_is_refused(self, tmp_path: Path, content: bytes) -> None:
        from reinspect.training.comparator.train import ComparatorPlan, train

        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(ValueError, match=r"checkpoint\.pt is no readable checkpoint"):
            train(ComparatorPlan(tmp_path, steps=1))

    def test_the_same_seed_gives_the_same_weights_stopped_or_not(self, shards: Path) -> None:
        from reinspect.training.comparator.train import ComparatorPlan, TrainingState

        plan = ComparatorPlan(shards, steps=40, seed=7, renderers=0)
        straight, stopped = TrainingState(plan), TrainingState(plan)
        for training in (straight, stopped):
            training.advance()
        stopped.save(shards / "state.pt")
        gone_on = TrainingState(plan)
        gone_on.load(shards / "state.pt")
        assert [sitting["from_step"] for sitting in gone_on.sittings] == [0, 1]
        for training in (straight, gone_on):
            training.advance()
        weights = [t.average.state_dict() for t in (straight, gone_on)]
        for name, value in weights[0].items():
            np.testing.assert_array_equal(value.numpy(), weights[1][name].numpy(), err_msg=name)
        other = TrainingState(ComparatorPlan(shards, steps=40, seed=8, renderers=0))
        with pytest.raises(ValueError, match="seed is 7, not 8"):
            other.load(shards / "state.pt")

    # Now and then, after hundreds of tests, a warning of torch's exporter passes its filter.
    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.needs("onnxscript")
    def test_both_graphs_agree_with_torch(self, tmp_path: Path) -> None:
        import torch

        from reinspect.tools.comparator.network import open_comparator
        from reinspect.training.comparator.export import (
            JUDGES,
            EncoderGraph,
            JudgeGraph,
            example,
            export,
        )
        from reinspect.training.comparator.network import ComparatorNet

        torch.manual_seed(3)
        eye = ComparatorNet().eval()
        pair = export(eye, tmp_path / "eye.onnx")
        network = open_comparator(tmp_path / "eye.onnx")
        assert network.pair == pair
        images = torch.rand(2, 3, 64, 96)
        given = example(references=5, side=96)
        with torch.no_grad():
            features = EncoderGraph(eye)(images)
            judged = JudgeGraph(eye)(*given)
        seen = network.sees.run(None, {"images": images.numpy()})
        feed = {name: plane.numpy() for name, plane in zip(JUDGES, given, strict=True)}
        for own, exported in (
            *zip(features, seen, strict=True),
            *zip(judged, network.judges.run(None, feed), strict=True),
        ):
            np.testing.assert_allclose(own.numpy(), exported, atol=1e-3)

    def test_the_network_is_small(self) -> None:
        from reinspect.training.comparator.network import ComparatorNet

        assert sum(weights.numel() for weights in ComparatorNet().parameters()) <= 1_500_000
