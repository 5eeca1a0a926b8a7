from scripted_model import MEETING, talk

from serve_app.insights.quotes import QuoteFinder


def test_a_quote_is_given_letter_by_letter_whatever_its_case_and_marks_were():
    quote = QuoteFinder(MEETING).find("the last repair COST two-hundred euros", near=4)
    assert quote is not None
    assert (quote.text, quote.orders) == ("The last repair cost two hundred euros.", (4,))


def test_a_quote_with_a_wrong_number_is_found_where_it_stands():
    quote = QuoteFinder(MEETING).find("Maria likes the printer from Berlin", near=1)
    assert quote is not None
    assert quote.orders == (6,)


def test_what_nobody_said_so_is_no_quote():
    finder = QuoteFinder(MEETING)
    assert finder.find("The last repair cost three hundred euros") is None
    assert finder.find("two euros") is None


def test_of_several_places_the_nearest_counts():
    source = talk(*[("Speaker 1", "we say it again and again")] * 9)
    quote = QuoteFinder(source).find("say it again and", near=6)
    assert quote is not None
    assert quote.orders == (6,)


def test_a_quote_may_go_on_in_the_next_segment_but_not_in_another_mouth():
    one = talk(("Speaker 1", "We buy a new"), ("Speaker 1", "printer in May."))
    two = talk(("Speaker 1", "We buy a new"), ("Speaker 2", "printer in May."))
    found = QuoteFinder(one).find("a new printer in May")
    assert found is not None
    assert (found.text, found.orders) == ("a new printer in May.", (1, 2))
    assert QuoteFinder(two).find("a new printer in May") is None
