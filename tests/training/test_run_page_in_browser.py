"""The page of a run in a real browser."""

import re

import numpy as np
import pytest
from browser import needs_browser, visit
from PIL import Image
from run_pages import HOSTILE, page_of

from jaxgan.training.run_page import Status
from jaxgan.training.samples import write_sample


def fill(workdir, name="output"):
    """Write a run with samples at three steps, the first of them as version 0.1 did."""
    (workdir / "samples").mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(workdir / "samples" / "step_00000000.png")
    for step in (2, 4):
        rows = [np.full((8, 6, 3), value) for value in (-1.0, 0.0, 1.0)]
        write_sample(workdir, step, {"input": rows, name: rows})
    names = ("loss/generator_gan", "loss/generator_l1", "loss/discriminator_real", "data_wait")
    records = [{"step": step} | dict.fromkeys(names, 1.0 / step) for step in range(1, 7)]
    records.append({"step": 6, "eval/psnr": 20.0, name: -1e299})
    return page_of(workdir, records=records)


@needs_browser
@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1280, False)])
def test_a_browser_shows_samples_and_charts(tmp_path, width, dark):
    workdir = tmp_path / f"run & {'long' * 20}"
    fill(workdir, HOSTILE)
    found = visit(
        workdir / "index.html",
        """
        const root = document.documentElement;
        const all = (selector) => [...document.querySelectorAll(selector)];
        const texts = (selector) => all(selector).map((element) => element.textContent);
        return {
          title: document.querySelector("h1").textContent,
          state: document.querySelector(".state").textContent,
          columns: texts(".cells th"),
          cells: document.querySelectorAll(".cells [role=img]").length,
          steps: texts(".steps figcaption"),
          groups: all("#metrics section").map((section) =>
            [section.querySelector("h3").textContent, section.querySelectorAll("figure").length]),
          lines: document.querySelectorAll(".chart .smooth").length,
          background: getComputedStyle(document.body).backgroundColor,
          overflow: root.scrollWidth - root.clientWidth,
        };
        """,
        width=width,
        dark=dark,
    )
    assert found["title"] == workdir.name
    assert re.match(r"Finished at .* \(\d+ seconds? ago\), step 6 of 6$", found["state"])
    assert found["columns"] == ["input", HOSTILE]
    assert found["cells"] == 6
    assert found["steps"] == ["step 2", "step 4"]
    assert found["groups"] == [
        ["What is the generator trained on?", 1],
        ["Are the two players even?", 1],
        ["Held-out quality", 1],
        ["Speed", 1],
        ["Other", 1],
    ]
    assert found["lines"] == 6
    assert found["background"] == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert found["overflow"] == 0


@needs_browser
def test_the_slider_shows_every_step_and_an_image_is_enlarged_alone(tmp_path):
    fill(tmp_path)
    found = visit(
        tmp_path / "index.html",
        """
        const slider = document.querySelector(".time input");
        const shown = [];
        for (const value of [0, 1]) {
          slider.value = value;
          slider.dispatchEvent(new Event("input"));
          const whole = document.querySelector("#samples .scroll img");
          if (whole) await loaded([whole]);
          shown.push([document.querySelector(".time output").textContent, whole?.naturalWidth]);
        }
        document.querySelectorAll(".cells button")[3].click();
        const dialog = document.querySelector("dialog");
        const cell = dialog.querySelector("svg svg");
        const press = (key) => dialog.dispatchEvent(new KeyboardEvent("keydown", { key }));
        const captions = [dialog.innerText];
        press("ArrowRight");
        captions.push(dialog.innerText);
        return { shown, box: cell.getAttribute("viewBox"), captions };
        """,
    )
    assert found["shown"] == [["0", 40], ["2", None]]
    assert found["box"] == "8 10 6 8"  # the second row and column
    first, second = found["captions"]
    assert "Image 2, step 2 (4 of 6)" in first
    assert "output" in first
    assert "Image 3, step 2 (5 of 6)" in second
    assert "input" in second


@needs_browser
def test_charts_show_values_smooth_zoom_and_hide(tmp_path):
    records = [{"step": step, "loss/generator_x": float(step % 2)} for step in range(1, 101)]
    records = [r | {"loss/generator_y": 100.0} for r in records]
    page_of(tmp_path, records=records)
    found = visit(
        tmp_path / "index.html",
        """
        const chart = document.querySelector(".chart"), figure = chart.closest("figure");
        const box = () => chart.getBoundingClientRect();
        const at = (type, share) => chart.dispatchEvent(new PointerEvent(type, {
          pointerType: "mouse", pointerId: 1, clientX: box().x + 60 + share * (box().width - 82),
          clientY: box().y + 99,
        }));
        chart.setPointerCapture = () => {}; // needs a real pointer
        const read = () => [...figure.querySelectorAll("output")].map((e) => e.textContent);
        const ticks = () => [...chart.querySelectorAll("text")].map((e) => e.textContent);
        const reset = figure.querySelector("figcaption button");
        const found = { last: read(), ticks: ticks() };
        at("pointermove", 0.505);
        found.half = read();
        at("pointerdown", 0.1); at("pointermove", 0.2); at("pointerup", 0.2);
        at("pointerleave", 0);
        found.zoomed = [ticks(), reset.hidden];
        reset.click();
        found.reset = [ticks().join() === found.ticks.join(), reset.hidden];
        chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
        found.key = read();
        const spread = () => {
          const path = chart.querySelector(".smooth").getAttribute("d");
          const ys = path.match(/(?<= )[\\d.]+/g).map(Number);
          return Math.max(...ys) - Math.min(...ys);
        };
        figure.querySelectorAll(".legend button")[1].click();
        found.hidden = ticks();
        const before = spread(), slider = document.querySelector("#metrics input");
        slider.value = 30;
        slider.dispatchEvent(new Event("input"));
        found.smoother = spread() < before / 2;
        return found;
        """,
    )
    assert found["last"] == ["step 100", "0", "100"]
    assert found["ticks"][-5:] == ["70", "80", "90", "100", "step"]
    assert "100" in found["ticks"][:6]
    assert found["half"] == ["step 51", "1", "100"]
    steps = [int(tick) for tick in found["zoomed"][0] if re.fullmatch(r"1\d|2\d", tick)]
    assert min(steps) >= 11
    assert max(steps) <= 21
    assert not found["zoomed"][1]
    assert found["reset"] == [True, True]
    assert found["key"] == ["step 98", "0", "100"]
    assert found["hidden"][:3] == ["0", "0.5", "1"]
    assert found["smoother"]


@needs_browser
def test_a_run_without_logs_and_samples_still_has_a_page(tmp_path):
    page_of(tmp_path, Status(0))
    text = visit(tmp_path / "index.html", "return document.body.innerText;")
    assert "Nothing was logged yet." in text
    assert "There are no samples yet." in text


@needs_browser
def test_a_command_is_copied_or_marked_to_be_copied(tmp_path):
    page_of(tmp_path)
    code, button, selected = visit(
        tmp_path / "index.html",
        """
        const button = document.querySelector(".command button");
        navigator.clipboard.writeText = async () => { throw new Error("not allowed"); };
        button.click();
        await wait(0.1);
        const code = document.querySelector(".command code").textContent;
        return [code, button.textContent, String(getSelection())];
        """,
    )
    assert button == "Press Ctrl+C"
    assert code == selected
