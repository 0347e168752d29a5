"""What is asked, as a form."""

from receiver.querying.question import RANGE, QueryFailed, Question


def test_a_form_has_each_value_of_a_list() -> None:
    question = Question(RANGE, {"query": "a b&", "replicaLabels[]": ["x", "y"]})
    assert question.form == "query=a+b%26&replicaLabels%5B%5D=x&replicaLabels%5B%5D=y"
    assert question.tenant == "default"


def test_a_failure_says_its_kind_first() -> None:
    assert str(QueryFailed("bad_data", "no")) == "bad_data: no"
