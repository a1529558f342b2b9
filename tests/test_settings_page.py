from jobs import registry
from jobs.runs import setting_descriptions
from tests import settings_page


def test_page_of_settings_is_what_the_source_says():
    assert settings_page.PAGE.read_text("utf-8") == settings_page.page(), (
        "run python -m tests.settings_page"
    )


def test_page_has_every_setting_of_every_job_below_its_heading():
    sections = settings_page.PAGE.read_text("utf-8").split("\n## ")[1:]
    assert [section.partition("\n")[0] for section in sections] == list(registry.JOBS)
    for job, section in zip(registry.JOBS, sections, strict=True):
        for setting in setting_descriptions.of_job(job):
            assert section.count(f"\n| `{setting.name}` |") == 1
