"""Which data a study trained on is recorded from the data, and not from the catalog."""

import dataclasses

import pytest
from small import small_study

from retroprop.data import load
from retroprop.errors import Interrupted
from retroprop.studies import runner
from retroprop.studies.pools import Silent
from retroprop.studies.records import Records
from retroprop.studies.stores import Folder


class _Nobody:
    """A pool that is stopped before anybody works."""

    count, must_stop = 1, False

    def prepare(self, before, jobs):
        return {}

    def __enter__(self):
        raise Interrupted

    def __exit__(self, *error):
        pass


def test_the_record_has_the_checksum_of_the_data_as_they_were_read(tmp_path, monkeypatch):
    def altered(name):
        return dataclasses.replace(load(name), checksum="as read")

    monkeypatch.setattr(runner, "load", altered)
    records, study = Records.open(tmp_path / "records.db"), small_study()
    store = Folder(records.folder)
    with pytest.raises(Interrupted):
        runner.carry_out(study, records, store, _Nobody(), Silent(), fresh=False)
    assert [record.data_checksum for record in records.study_runs(study.name)] == ["as read"]
