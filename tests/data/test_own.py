"""Data sets of one's own: what is read, kept, divided and refused."""

import os

import numpy as np
import pytest
from PIL import Image

from retroprop.data import fetch, find, load, own, sheet, verify
from retroprop.data.catalog import is_own
from retroprop.data.pictures import read_picture
from retroprop.errors import UserError
from retroprop.studies.study_data import StudyData


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """A cache without anything, and a process that has opened nothing."""
    monkeypatch.setenv("RETROPROP_CACHE", str(tmp_path / "cache"))
    own.open_own.cache_clear()


def picture(path, shade=0, size=(40, 30), colour=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(shade).integers(0, 256, (*size[::-1], 3), np.uint8)
    if not colour:
        pixels = pixels[..., :1].repeat(3, axis=-1)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path):
    """Two classes, of six and four grey pictures."""
    for label, n in {"cats": 6, "dogs": 4}.items():
        for i in range(n):
            picture(tmp_path / "photos" / label / f"{i}.png", shade=i)
    return tmp_path / "photos"


def again(name):
    """As another process opens it."""
    own.open_own.cache_clear()
    return load(name)


# --- folders --------------------------------------------------------------------------------------


def test_a_folder_per_class_is_a_data_set(photos):
    data = load(f"folder:{photos},side=16")
    assert data.info.classes == ("cats", "dogs")
    assert data.info.size == (16, 16, 1)
    assert (data.info.n_train, data.info.n_test) == (8, 2)
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert np.bincount(labels).tolist() == [6, 4]
    right = read_picture(photos / "cats" / "0.png", side=16)[..., 0]
    images = np.concatenate([data.train_images, data.test_images])
    where = [k for k, image in enumerate(images) if (image == right).all()]
    assert 0 in labels[where]
    assert data.checksum == find(f"folder:{photos},side=16").checksum != ""
    assert StudyData(f"folder:{photos},side=16", {}).info.n_train == 8


def test_the_folders_train_and_test_divide_it(tmp_path):
    for part, n in {"train": 3, "test": 2}.items():
        for label in ("a", "b"):
            for i in range(n):
                picture(tmp_path / "set" / part / label / f"{i}.jpg", shade=i)
    data = load(f"folder:{tmp_path / 'set'},side=8")
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test_labels.tolist() == [0, 0, 1, 1]


def test_one_coloured_picture_makes_a_coloured_set_unless_grey_is_asked(photos):
    picture(photos / "dogs" / "colour.png", colour=True)
    assert find(f"folder:{photos}").size == (32, 32, 3)
    assert find(f"folder:{photos},grey").size == (32, 32, 1)


def test_the_draw_of_the_test_images_has_a_seed_and_a_size(photos):
    name = f"folder:{photos},side=8"
    assert find(f"{name},test=0.5").n_test == 5
    one, other = load(name), load(f"{name},seed=1")
    assert not np.array_equal(one.test_images, other.test_images)
    assert np.array_equal(one.test_images, again(name).test_images)


def test_a_single_test_image_is_a_set_of_one(photos):
    data = load(f"folder:{photos},side=8,test=0.1")
    assert data.test_images.shape == (1, 8, 8)
    assert data.train_images.shape == (9, 8, 8)


def test_hidden_folders_and_what_systems_leave_are_no_pictures(photos):
    for hidden in (".ipynb_checkpoints", "__MACOSX"):
        picture(photos / "cats" / hidden / "0.png")
    (photos / "dogs" / "again").symlink_to(photos / "dogs")
    assert len(load(f"folder:{photos},side=8").train_labels) == 8


def test_the_names_of_the_classes_are_part_of_the_data(photos):
    before = load(f"folder:{photos},side=8").checksum
    (photos / "dogs").rename(photos / "wolves")
    assert again(f"folder:{photos},side=8").checksum != before


def test_of_a_set_that_changes_the_cache_keeps_the_newest(photos, tmp_path):
    for shade in range(3):
        picture(photos / "cats" / "0.png", shade=50 + shade)
        again(f"folder:{photos},side=8")
    again(f"folder:{photos},side=4")
    kept = [one for one in (tmp_path / "cache" / "data").iterdir() if one.is_dir()]
    assert len(kept) == 2


def test_the_cache_keeps_the_sets_that_were_opened_last(tmp_path, monkeypatch):
    monkeypatch.setenv("RETROPROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(own, "MOST_KEPT", 2)
    names = []
    for i in range(3):
        folder = tmp_path / f"set{i}"
        for label in ("a", "b"):
            (folder / label).mkdir(parents=True)
            for k in range(5):
                Image.new("L", (8, 8), 40 * k).save(folder / label / f"{k}.png")
        names.append(find(f"folder:{folder}").name)
        for age, one in enumerate(own.kept_sets()):
            os.utime(one.file, (1000 - age, 1000 - age))
    assert [one.info.name for one in own.kept_sets()] == names[:0:-1]
    own.open_own.cache_clear()
    find(names[1])  # it was opened last now
    assert [one.info.name for one in own.kept_sets()] == [names[1], names[2]]
    assert len(list((tmp_path / "cache" / "data").glob("own-*.json"))) == 2
    assert len([one for one in (tmp_path / "cache" / "data").iterdir() if one.is_dir()]) == 2


def test_whoever_watches_is_told_how_many_pictures_are_read(photos, monkeypatch):
    told = []
    monkeypatch.setattr("retroprop.progress.watchers", [lambda *news: told.append(news)])
    own.open_own.cache_clear()
    find(f"folder:{photos},seed=7")
    assert {total for _, _, total in told} == {len(told) - 1}
    assert [done for _, done, _ in told] == list(range(len(told)))


def test_a_name_is_the_same_wherever_it_is_typed(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    assert find("folder:photos,grey,side=8").name == f"folder:{photos},side=8,grey"
    assert is_own("npz:a.npz")
    assert not is_own("cifar10")
    assert find("folder:photos").slug == "photos"


# --- the cache ------------------------------------------------------------------------------------


def test_what_was_decoded_is_kept_until_a_file_changes(photos, monkeypatch):
    name = f"folder:{photos},side=8"
    first = load(name)

    def never(*_, **__):
        raise AssertionError("decoded again")

    with monkeypatch.context() as context:
        context.setattr(own, "read_picture", never)
        assert again(name).checksum == first.checksum
    picture(photos / "cats" / "0.png", shade=77)
    assert again(name).checksum != first.checksum


@pytest.mark.parametrize("file", ["own-*.json", "own-*/train_images.npy", "own-*/checksums.json"])
def test_a_damaged_cache_is_made_anew(photos, tmp_path, file):
    name = f"folder:{photos},side=8"
    first = load(name)
    (damaged,) = (tmp_path / "cache" / "data").glob(file)
    damaged.write_bytes(damaged.read_bytes()[:-5] + b"\0\0\0")
    assert again(name).checksum == first.checksum
    assert np.array_equal(again(name).train_images, first.train_images)


def test_other_data_than_those_of_the_record_are_refused(photos):
    data = StudyData(f"folder:{photos},side=8", {})
    data.check(data.checksum)
    with pytest.raises(UserError, match="photos were changed while the study ran"):
        data.check("0123456789abcdef")


# --- what is refused ------------------------------------------------------------------------------


def test_files_that_cannot_be_read_are_named_and_left_out_only_when_asked(photos):
    (photos / "cats" / "notes.txt").write_text("no picture")
    (photos / "dogs" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (photos / "dogs" / ".hidden").write_text("")
    (photos / "dogs" / "Thumbs.db").write_text("")
    with pytest.raises(
        UserError, match=r"2 of 12 files cannot be read: .*notes\.txt is not"
    ) as refused:
        load(f"folder:{photos},side=8")
    assert f"folder:{photos},side=8,skip" in str(refused.value)
    assert len(load(f"folder:{photos},side=8,skip").train_labels) == 8


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("folder:nowhere", "there is no folder .*nowhere"),
        ("folder:photos/cats", "a folder of pictures for each class"),
        ("folder:", "'folder:' has no path"),
        ("folder:,side=64", "has no path"),
        ("folder:photos,grey/", "ends as an option does"),
        ("folder:photos,side=3", "side must be from 4 to 512"),
        ("folder:photos,test=1.5", "test must be between 0 and 1"),
        ("npz:nowhere.npz", "there is no file .*nowhere.npz"),
        ("npz:photos/cats/0.png", "photos/cats/0.png"),
    ],
)
def test_what_is_no_data_set_is_refused_in_a_sentence(photos, monkeypatch, name, sentence):
    monkeypatch.chdir(photos.parent)
    with pytest.raises(UserError, match=sentence):
        find(name)


def test_folders_that_name_no_class_are_refused(photos, tmp_path):
    picture(photos / "two\nlines" / "a.png")
    with pytest.raises(UserError, match="a name of one line"):
        load(f"folder:{photos},side=8")
    with pytest.raises(UserError, match="characters that no line can show"):
        load(f"folder:{photos / 'two'}\nlines")
    for label in ("a", "b"):
        picture(tmp_path / "set" / "train" / label / "0.png")
    with pytest.raises(UserError, match="has the folders train: name them train and test"):
        load(f"folder:{tmp_path / 'set'}")
    (tmp_path / "set" / "test").mkdir()
    with pytest.raises(UserError, match=r"no picture in the folders of .*test"):
        load(f"folder:{tmp_path / 'set'}")
    for label in ("a", "c"):
        picture(tmp_path / "set" / "test" / label / "0.png")
    with pytest.raises(UserError, match=r"no image of the class 'c' .* is left to train on"):
        load(f"folder:{tmp_path / 'set'}")
    for command in (fetch, verify):
        with pytest.raises(UserError, match="is your own"):
            command(f"folder:{photos}")


def test_more_pictures_than_memory_are_refused_before_they_are_read(photos, monkeypatch):
    monkeypatch.setattr(own, "MOST_BYTES", 3 * 8 * 8 * 9)
    with pytest.raises(UserError, match="10 pictures of 8 × 8 pixels are more than"):
        load(f"folder:{photos},side=8")
    monkeypatch.setattr(own, "MOST_FILES", 9)
    with pytest.raises(UserError, match="holds more than 9 files"):
        load(f"folder:{photos},side=4")


# --- arrays ---------------------------------------------------------------------------------------

IMAGES = np.arange(10 * 6 * 5, dtype=np.uint16).reshape(10, 6, 5).astype(np.uint8)
LABELS = np.arange(10) % 3


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": IMAGES, "labels": LABELS},
        {"x_train": IMAGES[..., None], "y_train": LABELS[:, None]},
        {"x_train": IMAGES[2:], "y_train": LABELS[2:], "x_test": IMAGES[:2], "y_test": LABELS[:2]},
    ],
)
def test_arrays_of_numpy_are_a_data_set(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    data = load(f"npz:{tmp_path / 'a.npz'}")
    assert (data.info.n_train, data.info.n_test) == (8, 2)
    assert data.info.image_shape == (6, 5)
    assert data.info.classes == ("0", "1", "2")
    together = np.concatenate([data.train_images, data.test_images])
    assert sorted(map(bytes, together)) == sorted(map(bytes, IMAGES))
    sheet.draw_sample_sheet(data, tmp_path / "sheet.png", per_class=2)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"a": LABELS}, "should hold x_train, y_train, x_test, y_test, or images and labels"),
        ({"images": IMAGES / 255, "labels": LABELS}, "images of .* should be uint8"),
        ({"images": IMAGES[0], "labels": LABELS}, "images of .* should be uint8"),
        ({"images": IMAGES, "labels": LABELS - 1}, "labels of .* should be whole numbers"),
        ({"images": IMAGES, "labels": LABELS * 1.0}, "labels of .* should be whole numbers"),
        ({"images": IMAGES, "labels": LABELS[:9]}, "9 labels for 10 images"),
        ({"images": IMAGES, "labels": LABELS * 200}, "from 0 to 255"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :2], "y_test": LABELS},
            "of one shape",
        ),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(tmp_path, arrays, sentence):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        find(f"npz:{tmp_path / 'a.npz'}")
