"""What a child does: the whole program, in its place."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from receiver.logs import set_up_logging
from receiver.processes.place import Place, part_of
from receiver.settings.config import Config, ConfigError

logger = logging.getLogger(__name__)

EXIT_FAILURE, EXIT_USAGE = 1, 2


def work_of(config: Config) -> Callable[[Place], int]:
    """The work of the children of a server, in the process of each."""

    def work(place: Place) -> int:
        program = config.program
        set_up_logging(program.log_level, program.log_format, process=place.share.number)
        own = part_of(config, place.share.count)
        # Nothing of the program is loaded into the parent.
        from receiver.serving import serve

        try:
            return serve(own, place)
        except ConfigError as error:
            sys.stderr.write(f"cupola: {error}\n")
            return EXIT_USAGE
        except OSError as error:
            logger.error("cannot serve address=%s error=%r", config.web.listen_address, str(error))
            return EXIT_FAILURE

    return work
