"""The alerts as the Prometheus operator takes them, made of Prometheus' own rule file.

    python -m tests.deploy.alerts

writes them again. kustomize cannot: a patch or a replacement takes no file that is no manifest, and a
generator gives text where a PrometheusRule has a structure.
"""

from textwrap import indent

from tests.deploy.manifests import DEPLOY

ALERTS = DEPLOY / "monitoring" / "alerts.yaml"
RULES = DEPLOY / "components" / "prometheus-operator" / "rules.yaml"
HEAD = """# The groups of deploy/monitoring/alerts.yaml, by `python -m tests.deploy.alerts`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: goeslake
spec:
"""


def as_rule(alerts: str) -> str:
    """The manifest of a rule file."""
    _, groups, rest = alerts.partition("groups:\n")
    return HEAD + indent(groups + rest, "  ")


if __name__ == "__main__":
    RULES.write_text(as_rule(ALERTS.read_text()))
