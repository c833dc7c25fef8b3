"""What each value of a setting costs, in seconds and in parameters ("time-by-setting")."""

from collections.abc import Sequence

from retroprop.figures.timing import Cost, cost_of_setting, describe_costs, median
from retroprop.report.document import Block, Paragraph, Section
from retroprop.report.pictures import picture
from retroprop.report.study_report import StudyReport
from retroprop.report.variations import MOST_POINTS, fixed, spread, variations
from retroprop.studies.records import RunRecord

FLAT = 1.1  # times as long: less is not drawn


def costs_section(report: StudyReport, *, keys: Sequence[str] | None = None) -> Section | None:
    """A picture and its sentence for each varied setting that changes time or parameters.

    A setting that changes neither has a sentence alone.

    Args:
        report: The study's records.
        keys: The settings to draw; None for all that the study varies.
    """
    if "time-by-setting" not in report.figures:
        return None
    say = report.say
    blocks: list[Block] = []
    for key in report.varied if keys is None else keys:
        for number, variation in enumerate(variations(report, key), start=1):
            costs = [
                cost
                for value, cell in spread(variation.cells, MOST_POINTS)
                if (cost := _cost(report, key, value, cell.runs)) is not None
            ]
            if len(costs) < 2:
                continue
            figure = cost_of_setting(
                costs,
                x_label=report.setting_name(key),
                language=report.language,
            )
            description = describe_costs(
                costs, say=say, number=report.seconds, count=report.numbers.integer
            )
            settings = fixed(report, variation)
            caption = say(
                "Training seconds per epoch (median, with the lowest and the highest epoch) and "
                "parameters, by {setting}"
            ).format(setting=report.setting_name(key))
            caption += f" ({settings})." if settings else "."
            if len(variation.cells) > MOST_POINTS:
                caption += " " + say("{n} of {all} values are drawn.").format(
                    n=len(costs), all=report.numbers.integer(len(variation.cells))
                )
            if _flat(costs):
                blocks.append(Paragraph(text=_about_as_long(report, key, costs)))
                continue
            blocks.append(Paragraph(text=_sentences(report, costs)))
            name = f"time-{key.replace('_', '-')}-{number}"
            blocks.append(picture(name, caption, description, figure))
    if not blocks:
        return None
    return Section(name="costs", heading=say("Time and parameters"), blocks=blocks)


def _cost(report: StudyReport, key: str, value: object, runs: Sequence[RunRecord]) -> Cost | None:
    seconds = [epoch.train_s for run in runs for epoch in run.epochs if epoch.epoch > 0]
    if not seconds or min(seconds) <= 0 or runs[0].parameters is None:
        return None
    return Cost(
        value=value,
        label=report.setting(key, value, short=True),
        name=report.phrase(key, value),
        epoch_s=seconds,
        parameters=runs[0].parameters,
    )


def _flat(costs: Sequence[Cost]) -> bool:
    """Whether a setting changes neither the time nor the parameters: bars would be of one height.

    Models trained as one program share its seconds evenly, whatever their learning rates.
    """
    medians = [median(cost.epoch_s) for cost in costs]
    return max(medians) < FLAT * min(medians) and len({cost.parameters for cost in costs}) == 1


def _about_as_long(report: StudyReport, key: str, costs: Sequence[Cost]) -> str:
    """The seconds that every value takes, about."""
    medians = [median(cost.epoch_s) for cost in costs]
    return report.say(
        "An epoch takes about as long with each value of the setting “{setting}”: between {short} "
        "and {long} (medians). All have {n} parameters."
        if report.seconds(min(medians)) != report.seconds(max(medians))
        else "An epoch takes as long with each value of the setting “{setting}”: {short} (median). "
        "All have {n} parameters."
    ).format(
        setting=report.setting_name(key),
        short=report.seconds(min(medians)),
        long=report.seconds(max(medians)),
        n=report.numbers.integer(costs[0].parameters),
    )


def _sentences(report: StudyReport, costs: list[Cost]) -> str:
    """The slowest and the fastest value, the largest and the smallest model."""
    say, numbers = report.say, report.numbers
    by_time = sorted(costs, key=lambda cost: median(cost.epoch_s))
    fast, slow = by_time[0], by_time[-1]
    ratio = median(slow.epoch_s) / median(fast.epoch_s)
    texts = [
        say(
            "An epoch takes longest with {slow}, {long}: {ratio} times as long as with {fast}, "
            "{short}."
        ).format(
            slow=slow.name,
            long=report.seconds(median(slow.epoch_s)),
            ratio=numbers.decimal(ratio, 1),
            fast=fast.name,
            short=report.seconds(median(fast.epoch_s)),
        )
    ]
    by_size = sorted(costs, key=lambda cost: cost.parameters)
    small, large = by_size[0], by_size[-1]
    if small.parameters == large.parameters:
        text = say("All have {n} parameters.").format(n=numbers.integer(small.parameters))
    else:
        text = say(
            "The largest model has {many} parameters, with {large}, the smallest {few}, with "
            "{small}."
        ).format(
            many=numbers.integer(large.parameters),
            large=large.name,
            few=numbers.integer(small.parameters),
            small=small.name,
        )
    return " ".join([*texts, text])
