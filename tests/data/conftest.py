"""A small CIFAR-10 of random pixels, in each of the forms that the real one comes in."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


class SmallCifar:
    """Six batches of `rows` images; the writers follow the published layouts."""

    rows = 4

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.images = {  # (image, height, width, channel)
            batch: rng.integers(256, size=(self.rows, 32, 32, 3), dtype=np.uint8)
            for batch in BATCHES
        }
        self.labels = {batch: rng.integers(10, size=self.rows, dtype=np.uint8) for batch in BATCHES}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        *train, test = BATCHES
        return {
            "train_images": np.concatenate([self.images[batch] for batch in train]),
            "train_labels": np.concatenate([self.labels[batch] for batch in train]),
            "test_images": self.images[test],
            "test_labels": self.labels[test],
        }

    def assert_equal(self, arrays: dict[str, np.ndarray]) -> None:
        assert set(arrays) == set(self.arrays)
        for name, expected in self.arrays.items():
            assert arrays[name].dtype == np.uint8, name
            assert arrays[name].flags.c_contiguous, name
            np.testing.assert_array_equal(arrays[name], expected, err_msg=name)

    def binary_files(self) -> dict[str, bytes]:
        return {
            f"{batch}.bin": b"".join(
                bytes([label]) + image.transpose(2, 0, 1).tobytes()
                for label, image in zip(self.labels[batch], self.images[batch], strict=True)
            )
            for batch in BATCHES
        }

    def python_files(self) -> dict[str, bytes]:
        return {batch: self.python2_batch(batch) for batch in BATCHES}

    def npm_files(self) -> dict[str, bytes]:
        files = {f"{batch}.png": self.png(self.images[batch]) for batch in BATCHES}
        for split in ("train", "test"):
            labels = self.arrays[f"{split}_labels"].tolist()
            files[f"{split}_lables.json"] = json.dumps(labels).encode()
        return files

    def python2_batch(self, batch: str) -> bytes:
        """Write the instructions that Python 2's cPickle wrote at protocol 2."""
        pixels = self.images[batch].transpose(0, 3, 1, 2).tobytes()
        labels = b"".join(b"K" + bytes([label]) for label in self.labels[batch])
        n = bytes([self.rows])
        return (
            b"\x80\x02}q\x01("
            + (b"U\x0bbatch_labelq\x02" + b"U\x09one batchq\x03")
            + (b"U\x06labelsq\x04" + b"]q\x05(" + labels + b"e")
            + b"U\x04dataq\x06"
            + (b"cnumpy.core.multiarray\n_reconstruct\nq\x07" + b"cnumpy\nndarray\nq\x08")
            + b"K\x00\x85U\x01b\x87Rq\x09"
            + (b"(K\x01K" + n + b"M\x00\x0c\x86")
            + (b"cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b")
            + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
            + (b"T" + len(pixels).to_bytes(4, "little") + pixels + b"tb")
            + b"u."
        )

    @staticmethod
    def png(images: np.ndarray, mode: str = "RGB") -> bytes:
        """Encode images as a strip with one image per row."""
        buffer = io.BytesIO()
        Image.fromarray(images.reshape(len(images), 32 * 32, 3)).convert(mode).save(buffer, "PNG")
        return buffer.getvalue()

    @staticmethod
    def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder

    @staticmethod
    def write_archive(path: Path, files: dict[str, bytes], *, inside: str = "inner/") -> Path:
        """Write a gzip-compressed tar archive, with the files in the folder `inside`."""
        with tarfile.open(path, "w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(inside + name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path


@pytest.fixture
def cifar() -> SmallCifar:
    return SmallCifar()
