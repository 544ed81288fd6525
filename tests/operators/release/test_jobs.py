"""What the jobs of a release are given."""

from operators.release import StagingTestOperator


def test_a_staging_test_knows_who_asked_for_it(no_connections, context):
    release = {"id": "digits-r0001", "model": {"version": "3"}, "release_run_id": "r"}
    task = StagingTestOperator(task_id="staging_test", project="digits", release=release)
    given = task.arguments(no_connections, context)
    assert given == {"release_id": "digits-r0001", "model": {"version": "3"}, "release_run_id": "r", "by": "developer"}
