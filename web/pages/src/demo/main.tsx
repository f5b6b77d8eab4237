import { mount, Page } from "../shared/page";

mount(
  <Page title="demo">
    <h1>Demo chat</h1>
  </Page>,
);
