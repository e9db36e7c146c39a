"""A network learns from others: what they give for a pixel says more than its label, and says it of every pixel.

Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network". The teachers see the same patches as the
student, turned, masked and changed as these are.
"""

from dataclasses import replace

from trainer.lesson import Guide, Learned, Lesson, learn
from trainer.models.distilled import Distilled
from trainer.several import finished
from trainer.several.averaging import averaged


def distil(model: Distilled, lesson: Lesson) -> Learned:
    """Trains the teachers, then the student; the teachers are no part of what is saved.

    Args:
        model: Section `train.model` of the config.
        lesson: What they learn from.

    Raises:
        ValueError: One of them cannot learn from these examples.
    """
    lessons = finished.apart(model.teachers, lesson)
    parts = [
        finished.learned(teacher, of_teacher, f"teacher-{place}-{teacher.name.rpartition(':')[2]}")
        for place, (teacher, of_teacher) in enumerate(zip(model.teachers, lessons, strict=True))
    ]
    network = averaged([part.network for part in parts], [1 / len(parts)] * len(parts), "guide")
    guide = Guide(network, model.share, [teacher.model_dump(mode="json") for teacher in model.teachers])
    print(f"distilled: the {model.student.name} learns from {len(parts)} teacher(s)", flush=True)
    student = learn(model.student, replace(lesson.part("student"), guide=guide))
    return Learned(student.network, student.state)
