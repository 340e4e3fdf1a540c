import type { Presenter, PresenterOptions } from "./presenter.ts";

/** The presenter a command line asks for. Each is loaded only when it is the one: a program pays nothing for colours. */
export async function openPresenter(options: PresenterOptions & { readonly json: boolean }): Promise<Presenter> {
  if (options.json) {
    const { JsonPresenter } = await import("./json.ts");
    return new JsonPresenter(options);
  }
  const { openHumanPresenter } = await import("./human.ts");
  return openHumanPresenter(options);
}
