"""A few good rows of each task, as an example on the page and a file to fill in."""

from __future__ import annotations

from collections.abc import Mapping

TEMPLATES: Mapping[str, str] = {
    "classification": (
        "text\tlabel\n"
        "The room was clean and the staff were kind.\tpositive\n"
        "We waited an hour and left.\tnegative\n"
        "房间干净，服务也好。\tpositive\n"
        "等了一个小时，最后走了。\tnegative\n"
    ),
    "ner": (
        "tokens\ttags\n"
        "Ada Lovelace was born in London .\tB-PER I-PER O O O B-LOC O\n"
        "鲁 迅 在 北 京 教 书 。\tB-PER I-PER O B-LOC I-LOC O O O\n"
    ),
    "qa": (
        "context\tquestion\tanswer\tanswer_start\n"
        "The library opens at nine and closes at six.\tWhen does the library open?\tat nine\t18\n"
        "The library opens at nine and closes at six.\tWho runs the library?\t\t\n"
        "图书馆早上九点开门，晚上六点关门。\t图书馆几点关门？\t晚上六点\t10\n"
    ),
    "pretraining": (
        "The library opens at nine.\n"
        "It closes at six.\n"
        "\n"
        "鲁迅在北京教过书。\n"
        "后来他去了厦门。\n"
        "\n"
        "A document begins after an empty line.\n"
    ),
    "translation": (
        "source\ttarget\nThe library opens at nine.\t图书馆九点开门。\nI like this book very much.\t我很喜欢这本书。\n"
    ),
    "summarization": (
        "source\ttarget\n"
        "The library opens at nine and closes at six; on Sundays it stays closed.\tOpening hours of the library\n"
        "图书馆早上九点开门，晚上六点关门，周日不开。\t图书馆开放时间\n"
    ),
    "generation": (
        "prompt\tresponse\n"
        "When does the library open?\tIt opens at nine every day but Sunday.\n"
        "图书馆几点关门？\t晚上六点关门。\n"
    ),
}
