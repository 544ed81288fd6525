from include.training.__main__ import main


def test_registered_metrics_are_listed(capsys):
    assert main(["metrics"]) == 0
    said = capsys.readouterr().out
    assert "accuracy" in said and "rmse" in said and "min" in said
    assert main(["metrics", "digits"]) == 0
    said = capsys.readouterr().out
    assert "rmse" not in said and "(gate)" in said.splitlines()[0]


def test_an_unknown_project_is_told(capsys):
    assert main(["metrics", "없음"]) == 2
    assert "known projects" in capsys.readouterr().err
