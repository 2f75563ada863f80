"""What the suites that kill and cut share: one stock with three apps of one fate group."""
import pytest
from trio import Trio


@pytest.fixture(scope="session")
def trio(tmp_path_factory, session):
    made = Trio(tmp_path_factory.mktemp("trio"), session)
    yield made
    made.close()
