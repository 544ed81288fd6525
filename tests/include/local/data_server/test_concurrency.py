"""Many writers at once: on branches of their own, on one branch, and merging into the same one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = pytest.mark.integration

WRITERS = 6


def together(work: Any) -> list[Any]:
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(work, range(WRITERS)))


def own(data_server: Any, repository: Any) -> Any:
    """Give the repository through a client of its own."""
    import lakefs

    return lakefs.repository(repository.id, client=data_server.client())


def test_writers_on_their_own_branches_merge_into_one(data_server: Any, repository: Any) -> None:
    def work(writer: int) -> list[str]:
        mine = own(data_server, repository)
        merges = []
        for turn in range(5):
            branch = mine.branch(f"w{writer}-{turn}").create("main")
            for i in range(5):
                branch.object(f"w{writer}/{turn}/{i}").upload(f"{writer} {turn} {i}")
            branch.commit(f"w{writer} {turn}")
            merges.append(branch.merge_into("main"))
        return merges

    merges = [m for found in together(work) for m in found]
    main = repository.branch("main")
    assert len(list(main.objects())) == WRITERS * 5 * 5
    log = {c.id for c in main.log()}
    assert len(set(merges)) == WRITERS * 5 and set(merges) <= log


def test_writers_on_one_branch(data_server: Any, repository: Any) -> None:
    from lakefs.exceptions import BadRequestException

    def work(writer: int) -> int:
        branch = own(data_server, repository).branch("main")
        commits = 0
        for i in range(15):
            branch.object(f"w{writer}/{i}").upload(f"{writer} {i}")
            try:
                branch.commit(f"w{writer} {i}")
                commits += 1
            except BadRequestException:
                pass  # another writer's commit took this object along
        return commits

    commits = sum(together(work))
    main = repository.branch("main")
    assert list(main.uncommitted()) == []
    assert len(list(main.objects())) == WRITERS * 15
    assert len(list(main.log())) == commits + 1


def test_one_of_several_conflicting_merges_wins(data_server: Any, repository: Any) -> None:
    from lakefs.exceptions import ConflictException

    for writer in range(WRITERS):
        branch = repository.branch(f"c{writer}").create("main")
        branch.object("same").upload(f"{writer}")
        branch.commit(f"c{writer}")

    def work(writer: int) -> bool:
        try:
            own(data_server, repository).branch(f"c{writer}").merge_into("main")
        except ConflictException:
            return False
        return True

    won = together(work)
    assert won.count(True) == 1
    assert repository.branch("main").object("same").reader("r").read() == str(won.index(True))


def test_one_exclusive_upload_and_one_branch_of_a_name(data_server: Any, repository: Any) -> None:
    from lakefs.exceptions import ConflictException, ObjectExistsException

    def upload(writer: int) -> bool:
        try:
            own(data_server, repository).branch("main").object("lock").upload(str(writer), mode="x")
        except ObjectExistsException:
            return False
        return True

    def branch(writer: int) -> bool:
        try:
            own(data_server, repository).branch("only").create("main")
        except ConflictException:
            return False
        return True

    assert together(upload).count(True) == 1
    assert together(branch).count(True) == 1


def test_readers_see_whole_commits(data_server: Any, repository: Any) -> None:
    main = repository.branch("main")
    for i in range(20):
        main.object(f"o/{i:02}").upload("0")
    main.commit("0")

    def work(writer: int) -> None:
        mine = own(data_server, repository)
        if writer == 0:
            for turn in range(1, 6):
                branch = mine.branch(f"t{turn}").create("main")
                for i in range(20):
                    branch.object(f"o/{i:02}").upload(str(turn))
                branch.commit(str(turn))
                branch.merge_into("main")
        else:
            for _ in range(40):
                assert len({o.checksum for o in mine.ref("main").objects()}) == 1

    together(work)
