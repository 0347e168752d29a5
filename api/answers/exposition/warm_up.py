"""What compiles or loads the kernels of scrape formats, so that no scraper waits for it."""

import numpy as np

from api.answers.exposition.accept import Format
from api.answers.exposition.families import encode_families
from api.answers.exposition.scrape import Scrape
from api.answers.exposition.text import encode_text
from storage.histograms.columns import CUSTOM_SCHEMA, NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME


def warm_scrapes() -> None:
    """Write a float and histograms in both forms. Blocks."""
    labels = LabelFrame.from_dicts(Symbols(), [{METRIC_NAME: name} for name in "abc"])
    custom = Parts(CUSTOM_SCHEMA, positive=[(0, 1)], bounds=[1])
    rows = np.array([NO_HISTOGRAM, 0, 1], np.int32)
    natives = Natives(from_parts([Parts(positive=[(1, 1)]), custom]), rows)
    scrape = Scrape(labels, np.zeros(3, np.int64), np.ones(3), natives).in_families()
    for _ in encode_text(scrape, Format()):
        pass
    for _ in encode_families(scrape):
        pass
