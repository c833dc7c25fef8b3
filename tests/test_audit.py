"""The audit of the dependencies: a fault is a sentence, and what was not checked is said."""

import audit

PINS = ["one==1.0", "two==2.0"]
SERVED = {
    "install": [
        {"metadata": {"name": "one", "version": "1.0"}, "is_yanked": False},
        {"metadata": {"name": "two", "version": "2.0"}, "is_yanked": True},
    ]
}
KNOWN = {
    "dependencies": [
        {"name": "one", "version": "1.0", "vulns": []},
        {"name": "two", "version": "2.0", "vulns": [{"id": "X-1", "fix_versions": ["2.1"]}]},
    ]
}
SKIPPED = {"dependencies": [{"name": "one", "skip_reason": "not found"}, {"name": "two"}]}


def test_a_yanked_release_is_a_fault():
    assert list(audit.withdrawn(SERVED)) == [
        "two 2.0 was yanked by its authors; pin another release"
    ]


def test_a_known_vulnerability_is_a_fault():
    assert list(audit.vulnerable(KNOWN)) == ["two 2.0 has the vulnerability X-1; mended by 2.1"]
    assert list(audit.vulnerable(SKIPPED)) == []


def test_what_is_installed_and_not_pinned_is_a_fault():
    installed = [
        {"name": "One", "version": "1.0"},
        {"name": "three", "version": "3"},
        {"name": "retroprop", "version": "0", "editable_project_location": "."},
    ]
    assert list(audit.unpinned(PINS, installed)) == [
        "three 3 is installed and not pinned; add it to constraints.txt"
    ]


def test_an_index_that_serves_no_vulnerabilities_is_never_silently_green():
    assert "Checked: known vulnerabilities of all 2 releases." in audit.summary(PINS, SERVED, KNOWN)
    for nothing in (SKIPPED, {}):
        (line,) = [x for x in audit.summary(PINS, SERVED, nothing) if x.startswith("NOT CHECKED")]
        assert "known vulnerabilities of 2 of 2 releases" in line
