"""Samples a second of SGD in PyTorch, eager mode on the CPU: 600 rows, shuffled anew each pass.

The usual loop: zero_grad, forward, cross_entropy, backward, step. Batches are taken by index from one
tensor, which is much faster than a DataLoader.

`--check FILE` trains as FILE says and prints losses instead; see `read_check` in common.py.
"""

import common


def build(torch, widths, layers=None):
    """Linear layers with rectifiers between them; `layers` are weights (inputs x outputs) and biases."""
    modules = []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        linear = torch.nn.Linear(inputs, outputs)
        if layers:
            weights, biases = layers[number]
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weights.T.copy()))
                linear.bias.copy_(torch.from_numpy(biases))
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def stepper(torch, network, rate, momentum=0.0, weight_decay=0.0, proximal=0.0):
    """A function that makes one step and returns the loss before it."""
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=weight_decay)
    begin = [parameter.detach().clone() for parameter in parameters] if proximal else []

    def step(rows, labels):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(rows), labels)
        loss.backward()
        for parameter, start in zip(parameters, begin):
            parameter.grad += proximal * (parameter.detach() - start)
        optimizer.step()
        return loss

    return step


def epoch(torch, step, rows, labels, batch):
    """One pass in a new order; all rows at once need none."""
    if batch >= len(rows):
        step(rows, labels)
        return
    for chosen in torch.randperm(len(rows)).split(batch):
        step(rows[chosen], labels[chosen])


def main():
    parser = common.options(__doc__)
    parser.add_argument("--check", metavar="FILE", help="print the losses of this training")
    chosen, numpy, torch = common.start(parser, "numpy", "torch")
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(1)

    if chosen.check:
        check = common.read_check(chosen.check, numpy)
        network = build(torch, check["widths"], check["layers"])
        step = stepper(torch, network, check["learning_rate"], **common.rule(check))
        return common.run_check(
            check,
            lambda rows, labels, _: step(torch.from_numpy(rows), torch.from_numpy(labels)).item(),
            # As numpy's: inputs x outputs, though sums do not tell.
            lambda: [p.detach().numpy().T for p in network.parameters()],
            numpy,
        )

    from numpy_network import synthetic

    for model, widths in common.MODELS.items():
        data = synthetic(common.ROWS, widths[0], widths[-1], seed=1)
        rows, labels = map(torch.from_numpy, data)
        for name, batch in common.BATCHES.items():
            step = stepper(torch, build(torch, widths), 0.01)
            values = common.rates(lambda: epoch(torch, step, rows, labels, batch), common.ROWS)
            common.report(
                chosen, "training", "torch", f"{model} batch {name}",
                values, "samples/s", torch.__version__, pick=max,
            )  # fmt: skip


if __name__ == "__main__":
    main()
